import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import type { TarType } from './entry.ts';
import { encodeBlock } from './header.ts';
import { indexTar, readTar } from './read.ts';
import { type TarFileWithBody, tarEnd, tarPadding, writeTar } from './write.ts';

const encoder = new TextEncoder();
const limit = 2 ** 24;

const types: readonly TarType[] = [
  'file',
  'link',
  'symlink',
  'character-device',
  'block-device',
  'directory',
  'fifo',
];

/** Names below, at and over the 100 bytes of a header, in ASCII and beyond. */
const name = fc
  .tuple(
    fc.constantFrom('a', 'é', '日本', 'x y'),
    fc.integer({ min: 1, max: 130 }),
    fc.constantFrom('', '/b'),
  )
  .map(([unit, count, end]) => `${unit.repeat(count)}${end}`);

const entry = fc
  .record({
    name,
    type: fc.constantFrom(...types),
    target: name,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    size: fc.constantFrom(0, 1, 511, 512, 513, 1500),
  })
  .map(({ type, target, size, ...rest }) => ({
    ...rest,
    type,
    size: type === 'file' ? size : 0,
    ...(type === 'link' || type === 'symlink' ? { linkname: target } : {}),
  }));

function withBody(file: Omit<TarFileWithBody, 'body'>): TarFileWithBody {
  return { ...file, body: [new Uint8Array(file.size ?? 0).fill(7)] };
}

/** Two header blocks of an old GNU record, which holds a long text for the next entry. */
function gnuRecord(typeflag: 'L' | 'K', text: string): Uint8Array {
  const bytes = encoder.encode(`${text}\0`);
  const size = bytes.byteLength;
  const block = encodeBlock({ name: '././@LongLink', typeflag, size, mode: 0, mtime: 0, linkname: '' });
  return new Uint8Array(Buffer.concat([block, bytes, tarPadding(size)]));
}

describe('entries of every type', () => {
  it('readTar and indexTar read every type of entry that writeTar writes, with names and targets of any length', () =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(entry, { selector: (one) => one.name, maxLength: 6 }),
        async (wanted) => {
          const bytes = await collect(writeTar(wanted.map(withBody)), { limit, what: 'tar' });
          const expected = wanted.map(({ name: own, ...rest }) => ({
            ...rest,
            name: rest.type === 'directory' ? `${own}/` : own,
          }));
          const got: unknown[] = [];
          for await (const part of readTar(bytesContent(bytes).open())) {
            const body = await collect(part.body, { limit, what: part.name });
            assert.ok(body.every((byte) => byte === 7));
            assert.equal(body.byteLength, part.size);
            const { name: own, type, size, mode, linkname } = part;
            got.push({ mode, type, size, ...(linkname === undefined ? {} : { linkname }), name: own });
          }
          assert.deepEqual(got, expected);
          const { entries } = await indexTar(bytesContent(bytes));
          assert.deepEqual(
            [...entries.keys()],
            wanted.map((one) => one.name),
          );
        },
      ),
      { numRuns: 100 },
    ));

  it('readTar takes long names and long targets from the old records of GNU tar', async () => {
    const [long, target] = ['n'.repeat(300), `../${'t'.repeat(250)}`];
    const header = { name: 'short', typeflag: '2', size: 0, mode: 0o777, mtime: 0, linkname: 'near' };
    const next = { ...header, name: 'next' };
    const bytes = Buffer.concat([
      gnuRecord('K', target),
      gnuRecord('L', long),
      encodeBlock(header),
      encodeBlock(next),
      tarEnd,
    ]);
    const got: unknown[] = [];
    for await (const part of readTar(bytesContent(bytes).open())) got.push([part.name, part.linkname]);
    // A record is for one entry only.
    assert.deepEqual(got, [
      [long, target],
      ['next', 'near'],
    ]);
  });

  it('a tar that is cut within any block of a record, a header or a body is SIZE_INVALID, and at its end a whole tar', async () => {
    const file = { name: 'é'.repeat(80), size: 700 };
    const bytes = await collect(writeTar([withBody(file)]), { limit, what: 'tar' });
    const whole = bytes.byteLength - tarEnd.byteLength;
    const read = async (length: number): Promise<number> => {
      let count = 0;
      for await (const { body } of readTar(bytesContent(bytes.subarray(0, length)).open())) {
        for await (const _ of body);
        count++;
      }
      return count;
    };
    for (let length = 513; length < whole; length += 97) {
      await assert.rejects(read(length), { code: 'SIZE_INVALID' }, `cut at ${length}`);
    }
    assert.equal(await read(whole), 1);
    await assert.rejects(read(100), { code: 'MANIFEST_INVALID' });
  });

  const impossible: readonly (readonly [problem: string, file: TarFileWithBody])[] = [
    ['a link without a target', { name: 'a', type: 'link' }],
    ['a symbolic link without a target', { name: 'a', type: 'symlink' }],
    ['a file with a target', { name: 'a', linkname: 'b' }],
    ['a directory with a body', { name: 'a', type: 'directory', size: 1 }],
    ['a pipe with a body', { name: 'a', type: 'fifo', size: 1 }],
    ['a NUL in a target', { name: 'a', type: 'symlink', linkname: 'b\0c' }],
    ['a mode that no header holds', { name: 'a', mode: 8 ** 8 }],
    ['a negative mode', { name: 'a', mode: -1 }],
    ['half a byte', { name: 'a', size: 0.5 }],
  ];
  for (const [problem, file] of impossible) {
    it(`writeTar refuses ${problem}`, async () => {
      await assert.rejects(collect(writeTar([file]), { limit, what: 'tar' }), { code: 'INVALID_OPTION' });
    });
  }
});
