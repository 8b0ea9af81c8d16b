import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failsWith } from '../testing/contract/sample.ts';
import { encodeBlock, patchedBlock } from './header.ts';
import { encodePax } from './pax.ts';
import { readTar } from './read.ts';
import { type EntryChange, rewriteTar } from './rewrite.ts';
import { type TarFileWithBody, writeTar } from './write.ts';

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** Yields bytes in pieces of a size that fits no boundary, in one buffer. */
async function* pieces(bytes: Uint8Array, step: number = 700): AsyncIterable<Uint8Array> {
  const buffer = new Uint8Array(step);
  for (let at = 0; at < bytes.byteLength; at += step) {
    const part = bytes.subarray(at, at + step);
    buffer.set(part);
    yield buffer.subarray(0, part.byteLength);
    buffer.fill(0xee);
  }
}

function file(name: string, text: string, more: Partial<TarFileWithBody> = {}): TarFileWithBody {
  const body = new TextEncoder().encode(text);
  return { name, size: body.byteLength, body: [body], ...more };
}

const long = `${'d/'.repeat(80)}file`;

function tarOf(...files: readonly TarFileWithBody[]): Promise<Buffer> {
  return bytesOf(writeTar(files));
}

function rewritten(tar: Uint8Array, change: (name: string) => EntryChange): Promise<Buffer> {
  return bytesOf(rewriteTar(pieces(tar), ({ name }) => change(name)));
}

async function entriesOf(tar: Uint8Array) {
  const entries: {
    readonly name: string;
    readonly mtime: number;
    readonly linkname: string;
    readonly text: string;
  }[] = [];
  for await (const { name, mtime, linkname = '', body } of readTar(pieces(tar)))
    entries.push({ name, mtime, linkname, text: (await bytesOf(body)).toString() });
  return entries;
}

/** A record block of its own form, with records that gantry does not know. */
function records(...pairs: readonly (readonly [string, string])[]): Buffer {
  const pax = encodePax(pairs);
  const block = {
    name: 'own/PaxHeaders',
    typeflag: 'x',
    size: pax.byteLength,
    mode: 0o600,
    mtime: 99,
    linkname: '',
  };
  return Buffer.concat([encodeBlock(block), pax, Buffer.alloc((512 - (pax.byteLength % 512)) % 512)]);
}

describe('rewriteTar', () => {
  it('a tar without changes keeps all bytes, also those after its end', async () => {
    const tar = Buffer.concat([await tarOf(file('a', 'one'), file(long, 'two')), Buffer.alloc(3000, 7)]);
    assert.ok((await rewritten(tar, () => 'keep')).equals(tar));
    assert.ok((await rewritten(tar, () => ({ latest: 0 }))).equals(tar));
    assert.ok((await rewritten(Buffer.alloc(0), () => 'keep')).equals(Buffer.alloc(0)));
  });

  it('a dropped entry goes away with its body and its records', async () => {
    const tar = await tarOf(file('a', 'one'), file(long, 'x'.repeat(2000)), file('b', 'two'));
    const left = await tarOf(file('a', 'one'), file('b', 'two'));
    assert.ok((await rewritten(tar, (name) => (name === long ? 'drop' : 'keep'))).equals(left));
  });

  it('a new name replaces the field, its prefix and its record, and gets a record when it is long', async () => {
    const tar = await tarOf(file('short', 'one'), file(long, 'two'), {
      name: 'l',
      type: 'link',
      linkname: long,
    });
    const renamed = await rewritten(tar, (name) => {
      if (name === 'l') return { linkname: 'here' };
      return { name: name === long ? 'here' : `${long}2` };
    });
    assert.deepEqual(
      (await entriesOf(renamed)).map(({ name, linkname, text }) => [name, linkname, text]),
      [
        [`${long}2`, '', 'one'],
        ['here', '', 'two'],
        ['l', 'here', ''],
      ],
    );
    const block = encodeBlock({ name: 'file', typeflag: '0', size: 0, mode: 0o644, mtime: 0, linkname: '' });
    block.set(new TextEncoder().encode('some/folder'), 345);
    const ustar = Buffer.concat([patchedBlock(block, { size: 0 }), Buffer.alloc(1024)]);
    assert.deepEqual((await entriesOf(ustar))[0]?.name, 'some/folder/file');
    assert.deepEqual((await entriesOf(await rewritten(ustar, () => ({ name: 'x' }))))[0]?.name, 'x');
  });

  it('sparse-new-name: a sparse file gets its new name, short or long, and keeps its holes', async () => {
    const body = new TextEncoder().encode('data');
    const block = {
      name: 'GNUSparseFile.0/old',
      typeflag: '0',
      size: 4,
      mode: 0o644,
      mtime: 0,
      linkname: '',
    };
    const map = [
      ['GNU.sparse.major', '0'],
      ['GNU.sparse.minor', '1'],
      ['GNU.sparse.name', 'old'],
      ['GNU.sparse.size', '9'],
      ['GNU.sparse.map', '5,4'],
    ] as const;
    const tar = Buffer.concat([records(...map), encodeBlock(block), body, Buffer.alloc(508 + 1024)]);
    assert.deepEqual((await entriesOf(tar))[0]?.name, 'old');
    for (const name of ['new', long]) {
      const [entry, ...others] = await entriesOf(await rewritten(tar, () => ({ name })));
      assert.deepEqual([entry?.name, entry?.text, others], [name, '\0\0\0\0\0data', []]);
    }
    assert.ok((await rewritten(tar, () => ({ latest: 0 }))).equals(tar));
  });

  it('later times become the latest, in the header and in records, and earlier ones stay', async () => {
    const tar = Buffer.concat([
      records(['mtime', '150.5'], ['VENDOR.key', 'kept'], ['atime', '50'], ['ctime', '200']),
      await tarOf(
        file('a', 'one', { mtime: 150 }),
        file('b', 'two', { mtime: 100 }),
        file('c', '', { mtime: 99 }),
      ),
    ]);
    const clamped = await rewritten(tar, () => ({ latest: 100 }));
    assert.deepEqual(
      (await entriesOf(clamped)).map(({ mtime }) => mtime),
      [100, 100, 99],
    );
    const head = clamped.subarray(512, 1024).toString('latin1').replace(/\0+$/, '');
    assert.equal(head, '13 mtime=100\n19 VENDOR.key=kept\n12 atime=50\n13 ctime=100\n');
    assert.ok((await rewritten(clamped, () => ({ latest: 100 }))).equals(clamped));
  });

  it('a time in the last second is later than the second, and a number in base 256 becomes octal', async () => {
    const tar = await tarOf(file('a', 'one', { mtime: 100, nanoseconds: 1 }));
    assert.deepEqual((await entriesOf(await rewritten(tar, () => ({ latest: 100 }))))[0]?.mtime, 100);
    assert.ok(!(await rewritten(tar, () => ({ latest: 100 }))).includes('mtime=100.'));
    const block = encodeBlock({ name: 'file', typeflag: '0', size: 0, mode: 0o644, mtime: 0, linkname: '' });
    block.set([0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0], 136);
    const large = Buffer.concat([patchedBlock(block, { size: 0 }), Buffer.alloc(1024)]);
    assert.equal((await entriesOf(large))[0]?.mtime, 2 ** 32);
    assert.equal((await entriesOf(await rewritten(large, () => ({ latest: 7 }))))[0]?.mtime, 7);
  });

  it('bytes that are no tar, and a tar that is cut off, are refused', async () => {
    await failsWith(
      rewritten(Buffer.alloc(600, 'text'), () => 'keep'),
      'MANIFEST_INVALID',
    );
    const tar = await tarOf(file('a', 'x'.repeat(2000)));
    for (const change of ['keep', 'drop'] as const)
      await failsWith(
        rewritten(tar.subarray(0, 1000), () => change),
        'SIZE_INVALID',
      );
  });

  it('each change is reported by its position', async () => {
    const tar = await tarOf(file('a', '', { mtime: 5 }), file('b', ''), file('c', ''));
    const changed: number[] = [];
    const options = { onChange: (position: number) => changed.push(position) };
    await bytesOf(
      rewriteTar(pieces(tar), (_, position) => (position === 2 ? 'drop' : { latest: 1 }), options),
    );
    assert.deepEqual(changed, [0, 2]);
  });
});
