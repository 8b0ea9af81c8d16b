import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { atEnd } from '../../test/at-end.ts';
import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent, sliceContent } from '../flow/content.ts';
import type { TarEntry } from './entry.ts';
import { encodeBlock } from './header.ts';
import { encodePax } from './pax.ts';
import { indexTar, readTar } from './read.ts';
import { type TarFileWithBody, tarEnd, tarHeader, tarPadding, writeTar } from './write.ts';

const encoder = new TextEncoder();

function file(name: string, text: string, mode = 0o644): TarFileWithBody {
  const bytes = encoder.encode(text);
  return { name, mode, size: bytes.byteLength, body: bytesContent(bytes).open() };
}

async function tarOf(...files: readonly TarFileWithBody[]): Promise<Uint8Array> {
  return collect(writeTar(files), { limit: 2 ** 24, what: 'tar' });
}

async function* chunksOf(bytes: Uint8Array, step: number): AsyncIterable<Uint8Array> {
  // One buffer for all chunks, as a source may do.
  const buffer = new Uint8Array(step);
  for (let at = 0; at < bytes.byteLength; at += step) {
    const part = bytes.subarray(at, at + step);
    buffer.set(part);
    yield buffer.subarray(0, part.byteLength);
  }
}

async function read(bytes: Uint8Array, step = 1000): Promise<[TarEntry, string][]> {
  const parts: [TarEntry, string][] = [];
  for await (const { body, ...entry } of readTar(chunksOf(bytes, step))) {
    const text = await collect(body, { limit: 2 ** 20, what: entry.name });
    parts.push([entry, new TextDecoder().decode(text)]);
  }
  return parts;
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A header with one field overwritten. The checksum is corrected unless the test needs a wrong one. */
function forged(at: number, text: string, { checksum = true } = {}): Uint8Array {
  const block = tarHeader({ name: 'a', size: 3 });
  block.set(encoder.encode(text), at);
  if (!checksum) return block;
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(encoder.encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

function record(typeflag: string, body: Uint8Array): Uint8Array {
  const ahead = { name: 'x', typeflag, size: body.byteLength, mode: 0o644, mtime: 0, linkname: '' };
  return joined(encodeBlock(ahead), body, tarPadding(body.byteLength));
}

const body = joined(encoder.encode('abc'), tarPadding(3));

describe('readTar', () => {
  const part = fc.stringMatching(/^[a-zé]{1,60}$/);
  const name = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => parts.join('/'));
  const files = fc.array(
    fc.record({ name, text: fc.string({ maxLength: 1500 }), mode: fc.integer({ min: 0, max: 0o7777 }) }),
    {
      maxLength: 5,
    },
  );

  it('readTar reads the files that writeTar wrote, for any names, sizes and chunks', async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.integer({ min: 1, max: 3000 }), async (wanted, step) => {
        const bytes = await tarOf(...wanted.map(({ name, text, mode }) => file(name, text, mode)));
        const got = await read(bytes, step);
        assert.deepEqual(
          got.map(([{ name, mode, type }, text]) => ({ name, text, mode, type })),
          wanted.map((entry) => ({ ...entry, type: 'file' })),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('readTar skips bodies that the caller does not read', async () => {
    const bytes = await tarOf(file('a', 'x'.repeat(2000)), file('b', 'y'));
    const names: string[] = [];
    for await (const { name } of readTar(chunksOf(bytes, 300))) names.push(name);
    assert.deepEqual(names, ['a', 'b']);
  });

  it('readTar releases its source when the reader stops', async () => {
    let ended = false;
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        yield await tarOf(file('a', '1'), file('b', '2'));
      } finally {
        ended = true;
      }
    }
    for await (const _ of readTar(source())) break;
    assert.ok(ended);
  });

  it('readTar stops when it is aborted', async () => {
    const bytes = await tarOf(file('a', '1'));
    const signal = AbortSignal.abort(new Error('enough'));
    const reading = async () => {
      for await (const _ of readTar(chunksOf(bytes, 512), { signal })) assert.fail('read on');
    };
    await assert.rejects(reading(), /enough/);
  });

  for (const [sentence, code, bytes] of [
    ['refuses a wrong checksum', 'MANIFEST_INVALID', forged(0, 'b', { checksum: false })],
    ['refuses text', 'MANIFEST_INVALID', encoder.encode('hello '.repeat(200))],
    ['refuses a few bytes', 'MANIFEST_INVALID', encoder.encode('hello')],
    ['refuses a size that is no number', 'MANIFEST_INVALID', forged(124, '9z')],
    ['refuses a negative size', 'MANIFEST_INVALID', forged(124, '-0000000001')],
    [
      'notices a header that is cut off',
      'SIZE_INVALID',
      joined(tarHeader({ name: 'a' }), tarEnd.subarray(0, 100)),
    ],
    ['notices a body that is cut off', 'SIZE_INVALID', joined(tarHeader({ name: 'a', size: 5000 }), body)],
    [
      'notices padding that is cut off',
      'SIZE_INVALID',
      joined(tarHeader({ name: 'a', size: 3 }), body.subarray(0, 10)),
    ],
    [
      'refuses a PAX size that is no number',
      'MANIFEST_INVALID',
      joined(record('x', encodePax([['size', '-1']])), forged(0, 'a')),
    ],
    [
      'refuses a PAX size over 2^53',
      'MANIFEST_INVALID',
      joined(record('x', encodePax([['size', '9007199254740993']])), forged(0, 'a')),
    ],
    [
      'refuses a PAX record whose length is wrong',
      'MANIFEST_INVALID',
      record('x', encoder.encode('99 path=a\n')),
    ],
    ['refuses a PAX record of length 0', 'MANIFEST_INVALID', record('x', encoder.encode('0 path=a\n'))],
    ['refuses a PAX record without a key', 'MANIFEST_INVALID', record('x', encoder.encode('5 =a\n'))],
    ['refuses a name with a NUL in it', 'MANIFEST_INVALID', record('x', encodePax([['path', 'a\0b']]))],
    [
      'refuses a global record that renames entries',
      'MANIFEST_INVALID',
      record('g', encodePax([['path', 'evil']])),
    ],
    ['refuses a name of megabytes', 'TOO_LARGE', record('L', new Uint8Array(2 ** 21))],
    [
      'refuses records of several MiB before one entry',
      'TOO_LARGE',
      joined(
        record('x', encodePax([['a', 'x'.repeat(700_000)]])),
        record('x', encodePax([['b', 'x'.repeat(700_000)]])),
      ),
    ],
    ['refuses records without an entry', 'SIZE_INVALID', record('x', encodePax([['path', 'a']]))],
    ['refuses a file that began in another volume', 'UNSUPPORTED', forged(156, 'M')],
  ] as const) {
    it(`readTar ${sentence}`, async () => {
      await assert.rejects(read(bytes), (error) => isGantryError(error, code));
    });
  }

  it('readTar reads sizes and times in base-256, also a time before 1970', async () => {
    const block = forged(0, 'a');
    block.set([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3], 124);
    block.fill(0xff, 136, 148);
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(encoder.encode(`${sum.toString(8)}\0`), 148);
    const [[entry, text] = []] = await read(joined(block, body, tarEnd));
    assert.deepEqual([entry?.size, entry?.mtime, text], [3, -1, 'abc']);
  });

  it('readTar refuses a base-256 size over 2^53', async () => {
    const block = forged(0, 'a');
    block.fill(0x20, 148, 156);
    block.set([0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 124);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(encoder.encode(`${sum.toString(8)}\0`), 148);
    await assert.rejects(read(block), (error) => isGantryError(error, 'MANIFEST_INVALID'));
  });

  it('readTar ignores the size field of an entry that is no file', async () => {
    const [[link] = [], [next] = []] = await read(
      joined(forged(156, '2to'), tarHeader({ name: 'b' }), tarEnd),
    );
    assert.deepEqual([link?.type, link?.size, link?.linkname, next?.name], ['symlink', 0, 'to', 'b']);
  });

  it('readTar skips global records with a comment', async () => {
    const bytes = joined(record('g', encodePax([['comment', 'hi']])), tarHeader({ name: 'a' }), tarEnd);
    assert.deepEqual(
      (await read(bytes)).map(([{ name }]) => name),
      ['a'],
    );
  });
});

describe('indexTar', () => {
  it('indexTar finds the position of each body', async () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(120)}`;
    const bytes = await tarOf(file('./a', 'one'), file(long, 'two'));
    const { entries: index } = await indexTar(bytesContent(bytes));
    assert.deepEqual([...index.keys()], ['a', long]);
    for (const [name, text] of [
      ['a', 'one'],
      [long, 'two'],
    ] as const) {
      const { offset = 0, size = 0 } = index.get(name) ?? {};
      const content = sliceContent(bytesContent(bytes), offset, offset + size);
      assert.equal(Buffer.from(await collect(content.open(), { limit: 10, what: name })).toString(), text);
    }
  });

  it('indexTar prefers the first of two entries with one name and keeps the other', async () => {
    const { entries: index, twins } = await indexTar(
      bytesContent(await tarOf(file('a', 'first'), file('./a', 'other!'))),
    );
    assert.equal(index.get('a')?.size, 5);
    assert.deepEqual(
      twins.get('a')?.map(({ size }) => size),
      [6],
    );
  });

  it('indexTar reads sizes that no octal field can hold', async () => {
    const size = 9 * 2 ** 30;
    const header = tarHeader({ name: 'big', size });
    const huge = {
      size: header.byteLength + size + 1024,
      replayable: true,
      async *open({ from = 0, to = 0 } = {}) {
        const bytes = new Uint8Array(to - from);
        bytes.set(header.subarray(from, to));
        yield bytes;
      },
    };
    assert.equal((await indexTar(huge)).entries.get('big')?.size, size);
  });

  it('indexTar keeps names that lead out of the tar apart from the entries', async () => {
    const names = ['/etc/passwd', '../up', 'a/../../b'];
    const bytes = await tarOf(...names.map((name) => file(name, 'x')), file('a', 'y'));
    const { entries, unsafe } = await indexTar(bytesContent(bytes));
    assert.deepEqual([...entries.keys()], ['a']);
    assert.deepEqual(unsafe, names);
  });

  it('indexTar refuses a tar of very many entries', async () => {
    let count = 0;
    const endless = {
      size: 2 ** 40,
      replayable: true,
      async *open() {
        count++;
        yield tarHeader({ name: `n${count}` });
      },
    };
    await assert.rejects(indexTar(endless), (error) => isGantryError(error, 'TOO_LARGE'));
  });

  it('indexTar refuses a source that can be read only once', async () => {
    const once = { size: 1024, replayable: false, open: () => chunksOf(tarEnd, 512) };
    await assert.rejects(indexTar(once), (error) => isGantryError(error, 'INVALID_OPTION'));
  });

  it('indexTar notices a tar that is cut off', async () => {
    const bytes = await tarOf(file('a', 'x'.repeat(5000)));
    await assert.rejects(indexTar(bytesContent(bytes.subarray(0, 3000))), (error) =>
      isGantryError(error, 'SIZE_INVALID'),
    );
  });
});

describe('writeTar', () => {
  it('writeTar makes equal bytes of equal files', async () => {
    assert.deepEqual(await tarOf(file('a', '1')), await tarOf(file('a', '1')));
  });

  for (const [sentence, entry, code] of [
    [
      'refuses a body that is too short',
      { name: 'a', size: 5, body: bytesContent(body.subarray(0, 3)).open() },
      'SIZE_INVALID',
    ],
    [
      'refuses a body that is too long',
      { name: 'a', size: 2, body: bytesContent(body).open() },
      'SIZE_INVALID',
    ],
    ['refuses an empty name', { name: '' }, 'INVALID_OPTION'],
    ['refuses a name with a NUL', { name: 'a\0b' }, 'INVALID_OPTION'],
    ['refuses a file with the name of a directory', { name: 'a/' }, 'INVALID_OPTION'],
    ['refuses a link without a target', { name: 'a', type: 'symlink' }, 'INVALID_OPTION'],
    ['refuses a directory with a body', { name: 'a', type: 'directory', size: 1 }, 'INVALID_OPTION'],
    ['refuses a mode that does not fit', { name: 'a', mode: 2 ** 30 }, 'INVALID_OPTION'],
  ] as const) {
    it(`writeTar ${sentence}`, async () => {
      await assert.rejects(tarOf(entry), (error) => isGantryError(error, code));
    });
  }
});

function hasGnuTar(): boolean {
  try {
    return execFileSync('tar', ['--version'], { encoding: 'utf8' }).includes('GNU tar');
  } catch {
    return false;
  }
}

function folder(test: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gantry-test-'));
  atEnd(test, () => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe('GNU tar', { skip: hasGnuTar() ? false : 'GNU tar is not in PATH' }, () => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}`;

  for (const format of ['v7', 'ustar', 'gnu', 'posix'] as const) {
    it(`readTar reads the ${format} archives of GNU tar`, async (test) => {
      const dir = folder(test);
      const names =
        format === 'v7' ? ['a', 'b/c'] : ['a', 'b/c', format === 'ustar' ? `${'d'.repeat(90)}/e` : long];
      for (const name of names) {
        mkdirSync(dirname(join(dir, name)), { recursive: true });
        writeFileSync(join(dir, name), `body of ${name}`);
      }
      symlinkSync('b/c', join(dir, 'soft'));
      linkSync(join(dir, 'a'), join(dir, 'hard'));
      const tar = execFileSync('tar', [
        `--format=${format}`,
        '-C',
        dir,
        '-cf',
        '-',
        ...names,
        'soft',
        'hard',
      ]);
      const got = await read(new Uint8Array(tar));
      assert.deepEqual(
        got.map(([{ name, type, linkname }, text]) => ({ name, type, linkname, text })),
        [
          ...names.map((name) => ({ name, type: 'file', linkname: undefined, text: `body of ${name}` })),
          { name: 'soft', type: 'symlink', linkname: 'b/c', text: '' },
          { name: 'hard', type: 'link', linkname: 'a', text: '' },
        ],
      );
    });
  }

  it('GNU tar reads the archives of writeTar, with long names and links', async (test) => {
    const dir = folder(test);
    const bytes = await tarOf(
      { name: 'empty', type: 'directory' },
      file(long, 'far'),
      file('é', 'accent', 0o600),
      { name: 'soft', type: 'symlink', linkname: long },
      { name: 'hard', type: 'link', linkname: long },
    );
    execFileSync('tar', ['-C', dir, '-xf', '-'], { input: bytes });
    for (const [name, text] of [
      [long, 'far'],
      ['é', 'accent'],
      ['soft', 'far'],
      ['hard', 'far'],
    ] as const) {
      assert.equal(readFileSync(join(dir, name), 'utf8'), text);
    }
  });
});
