import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { folder } from '../../test/folder.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import type { TarEntry } from './entry.ts';
import { encodeBlock } from './header.ts';
import { encodePax } from './pax.ts';
import { readTar } from './read.ts';
import { decodeText, encodeText } from './text.ts';
import { type TarFile, tarEnd, tarPadding, writeTar } from './write.ts';

async function tarOf(...files: readonly TarFile[]): Promise<Uint8Array> {
  return collect(writeTar(files), { limit: 2 ** 24, what: 'tar' });
}

async function entriesOf(tar: Uint8Array): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = [];
  for await (const { body: _, ...entry } of readTar(bytesContent(tar).open())) entries.push(entry);
  return entries;
}

/** A tar with one entry, with a changed header block and the records `records`. */
function forged(
  change: (block: Uint8Array) => void,
  records: readonly (readonly [string, string])[] = [],
): Uint8Array {
  const file = { name: 'a', mode: 0o644, mtime: 0, linkname: '' };
  const block = encodeBlock({ ...file, typeflag: '0', size: 0 });
  change(block);
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(encodeText(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  const pax = encodePax(records);
  const ahead = encodeBlock({ ...file, typeflag: 'x', size: pax.byteLength });
  return new Uint8Array(
    Buffer.concat([...(records.length > 0 ? [ahead, pax, tarPadding(pax.byteLength)] : []), block, tarEnd]),
  );
}

const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
const id = fc.constantFrom(0, 1, 1000, 8 ** 7 - 1, 8 ** 7, 4_294_967_294);
const owner = fc.constantFrom('', 'root', 'nobody', 'ünicode', 'n'.repeat(31), 'n'.repeat(40));
const metadata = fc.record({
  mode: fc.integer({ min: 0, max: 0o7777 }),
  mtime: fc.constantFrom(0, 1_700_000_000, 8 ** 11 - 1, 8 ** 11, -1, -86_400),
  nanoseconds: fc.constantFrom(0, 1, 500_000_000, 999_999_999),
  uid: id,
  gid: id,
  uname: owner,
  gname: owner,
  windows: fc.option(
    fc
      .dictionary(fc.constantFrom('MSWINDOWS.rawsd', 'MSWINDOWS.fileattr'), fc.constantFrom('32', 'AQAA=='), {
        minKeys: 1,
      })
      .map((record) => new Map(Object.entries(record))),
    { nil: undefined },
  ),
  xattrs: fc.option(
    fc
      .dictionary(fc.constantFrom('user.a', 'security.capability', 'trusted.b'), anyBytes, { minKeys: 1 })
      .map((values) => new Map(Object.entries(values).map(([key, value]) => [key, new Uint8Array(value)]))),
    { nil: undefined },
  ),
});

function set(at: number, bytes: readonly number[]): (block: Uint8Array) => void {
  return (block) => block.set(bytes, at);
}

describe('metadata in a tar', () => {
  it('readTar reads the mode, owner, time and extended attributes that writeTar writes', () =>
    fc.assert(
      fc.asyncProperty(metadata, async (wanted) => {
        const [entry] = await entriesOf(await tarOf({ name: 'a', ...wanted }));
        assert.ok(entry !== undefined);
        const { mode, mtime, nanoseconds, uid, gid, uname, gname, xattrs, windows } = entry;
        const read = { mode, mtime, nanoseconds, uid, gid, uname, gname, xattrs, windows };
        assert.deepEqual(read, { ...wanted });
      }),
      { numRuns: 200 },
    ));

  it('a device keeps its numbers, and one without numbers has 0 and 0', async () => {
    const tar = await tarOf(
      { name: 'null', type: 'character-device', device: { major: 1, minor: 3 } },
      { name: 'sda', type: 'block-device' },
      { name: 'pipe', type: 'fifo' },
    );
    const devices = (await entriesOf(tar)).map(({ device }) => device);
    assert.deepEqual(devices, [{ major: 1, minor: 3 }, { major: 0, minor: 0 }, undefined]);
  });

  it('readTar reads numbers in base 256, also negative times', async () => {
    const size12 = [0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    const [time] = await entriesOf(forged(set(136, size12)));
    assert.equal(time?.mtime, 0x01020304);
    const before = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe];
    const [old] = await entriesOf(forged(set(136, before)));
    assert.equal(old?.mtime, -2);
    const [user] = await entriesOf(forged(set(108, [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe])));
    assert.equal(user?.uid, 4_294_967_294);
    await assert.rejects(entriesOf(forged(set(108, before.slice(0, 8)))), { code: 'MANIFEST_INVALID' });
  });

  for (const [key, value] of [
    ['mtime', 'yesterday'],
    ['mtime', '1.2.3'],
    ['uid', '-1'],
    ['gid', '1e3'],
    ['size', 'x'],
  ] as const) {
    it(`a PAX record ${key}=${value} is refused`, async () => {
      await assert.rejects(entriesOf(forged(() => undefined, [[key, value]])), { code: 'MANIFEST_INVALID' });
    });
  }

  it('the higher bits of a mode, which old tars use for the type, are left out', async () => {
    const [entry] = await entriesOf(forged((block) => block.set(encodeText('0100644\0'), 100)));
    assert.equal(entry?.mode, 0o644);
  });

  const impossible: readonly (readonly [problem: string, file: TarFile])[] = [
    ['an owner below 0', { name: 'a', uid: -1 }],
    ['a group that is no number', { name: 'a', gid: 1.5 }],
    ['a billion nanoseconds', { name: 'a', nanoseconds: 10 ** 9 }],
    ['half a second', { name: 'a', mtime: 0.5 }],
    ['a file with the numbers of a device', { name: 'a', device: { major: 1, minor: 3 } }],
    [
      'a device number that no header holds',
      { name: 'a', type: 'block-device', device: { major: 8 ** 7, minor: 0 } },
    ],
    [
      'an extended attribute with "=" in its name',
      { name: 'a', xattrs: new Map([['a=b', new Uint8Array(1)]]) },
    ],
    ['a record of Windows with another key', { name: 'a', windows: new Map([['rawsd', 'x']]) }],
    ['a record of Windows with a NUL', { name: 'a', windows: new Map([['MSWINDOWS.rawsd', 'a\0b']]) }],
    ['a NUL in the name of an owner', { name: 'a', uname: 'a\0b' }],
  ];
  for (const [problem, file] of impossible) {
    it(`writeTar refuses ${problem}`, async () => {
      await assert.rejects(tarOf(file), { code: 'INVALID_OPTION' });
    });
  }
});

describe('names that are no UTF-8', () => {
  it('decodeText and encodeText keep any bytes, and valid UTF-8 is plain text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        assert.deepEqual(encodeText(decodeText(bytes)), new Uint8Array(bytes));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(decodeText(new TextEncoder().encode(text)), text);
      }),
    );
  });

  const latin = decodeText(new Uint8Array([0x63, 0x61, 0x66, 0xe9]));
  for (const [title, name] of [
    ['short', latin],
    ['long', `${'d/'.repeat(80)}${latin}`],
    ['overlong and surrogate', decodeText(new Uint8Array([0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf5, 0x80]))],
  ] as const) {
    it(`a ${title} name and target that are no UTF-8 are kept as bytes`, async () => {
      const [entry] = await entriesOf(await tarOf({ name, type: 'symlink', linkname: name }));
      assert.deepEqual([entry?.name, entry?.linkname], [name, name]);
    });
  }

  it('GNU tar writes and reads the same bytes', {
    skip: process.platform === 'linux' ? false : 'needs GNU tar and a file system that takes any bytes',
  }, async (test) => {
    const path = await folder(test);
    const name = Buffer.from([0x63, 0x61, 0x66, 0xe9]);
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), name]), 'coffee');
    const packed = join(path, 'in.tar');
    execFileSync('sh', ['-c', `cd '${path}' && tar --format=pax -cf in.tar caf*`]);
    const [entry] = await entriesOf(new Uint8Array(readFileSync(packed)));
    assert.equal(entry?.name, latin);
    writeFileSync(join(path, 'out.tar'), await tarOf({ name: latin }));
    const listed = execFileSync('tar', ['--quoting-style=literal', '-tf', join(path, 'out.tar')]);
    assert.deepEqual(listed, Buffer.concat([name, Buffer.from('\n')]));
  });

  it('GNU tar reads owner, time, device and a PAX time as they were written', {
    skip: process.platform === 'linux' ? false : 'needs GNU tar',
  }, async (test) => {
    const path = join(await folder(test), 'out.tar');
    writeFileSync(
      path,
      await tarOf(
        { name: 'a', uid: 3_000_000, gid: 5, mtime: 1_000_000_000, nanoseconds: 250_000_000, mode: 0o4711 },
        {
          name: 'null',
          type: 'character-device',
          device: { major: 1, minor: 3 },
          uname: 'root',
          mode: 0o666,
        },
      ),
    );
    const env = { ...process.env, TZ: 'UTC' };
    const listed = execFileSync('tar', ['--full-time', '--numeric-owner', '-tvf', path], {
      env,
      encoding: 'utf8',
    });
    assert.match(listed, /-rws--x--x 3000000\/5 +0 2001-09-09 01:46:40\.25 a\n/);
    assert.match(listed, /crw-rw-rw- 0\/0 +1,3 1970-01-01 00:00:00 +null\n/);
  });
});

/** The address of a compiled file as a text of JavaScript. */
function room(file: string): string {
  return JSON.stringify(new URL(file, import.meta.url).href);
}

describe('the memory of a large tar', () => {
  it('fifty thousand entries and ten thousand nested directories pass through a heap that cannot hold them', () => {
    const program = `
      import { readTar } from ${room('./read.js')};
      import { writeTar } from ${room('./write.js')};
      function* files() {
        for (let at = 0; at < 50_000; at++) yield { name: \`usr/share/\${'d'.repeat(300)}-\${at}\`, mtime: at };
        // A path through all ten thousand has 20 KB, so ten of them stand for the others.
        for (let depth = 9_990; depth < 10_000; depth++) yield { name: 'd/'.repeat(depth), type: 'directory' };
      }
      let count = 0;
      for await (const entry of readTar(writeTar(files()))) if (entry.name !== '') count++;
      console.log(count);
    `;
    const args = ['--max-old-space-size=24', '--input-type=module', '-e', program];
    assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8' }), '50010\n');
  });
});
