import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent, sliceContent } from '../flow/content.ts';
import { encodeBlock, patchedBlock } from './header.ts';
import { encodePax } from './pax.ts';
import { indexTar, readTar } from './read.ts';
import { contentWithHoles, withHoles } from './sparse.ts';
import { tarEnd, tarPadding } from './write.ts';

const encoder = new TextEncoder();

/** A file of 300 KB with two pieces of text, and the same file packed by GNU tar. */
function packed(
  test: TestContext,
  ...flags: readonly string[]
): { readonly tar: Uint8Array; readonly file: Uint8Array } {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-test-'));
  atEnd(test, () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'in'));
  const path = join(folder, 'in', 'hole');
  const handle = openSync(path, 'w');
  for (let at = 65_536; at < 30 * 65_536; at += 131_072) writeSync(handle, `piece at ${at}`, at);
  truncateSync(path, 40 * 65_536);
  writeFileSync(join(folder, 'in', 'small'), 'behind it');
  const tar = join(folder, 'out.tar');
  execFileSync('tar', ['-S', ...flags, '-cf', tar, '-C', join(folder, 'in'), 'hole', 'small']);
  return { tar: new Uint8Array(readFileSync(tar)), file: new Uint8Array(readFileSync(path)) };
}

/** One sparse file with the given records. */
function sparse(
  records: readonly (readonly [string, string])[],
  body: Uint8Array,
  typeflag = '0',
): Uint8Array {
  const pax = encodePax(records);
  const block = { name: 'a', mode: 0o644, mtime: 0, linkname: '' };
  return new Uint8Array(
    Buffer.concat([
      encodeBlock({ ...block, typeflag: 'x', size: pax.byteLength }),
      pax,
      tarPadding(pax.byteLength),
      encodeBlock({ ...block, typeflag, size: body.byteLength }),
      body,
      tarPadding(body.byteLength),
      tarEnd,
    ]),
  );
}

async function readAll(tar: Uint8Array): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for await (const { name, size, body } of readTar(bytesContent(tar).open())) {
    const bytes = await collect(body, { limit: 2 ** 24, what: name });
    assert.equal(bytes.byteLength, size);
    files.set(name, bytes);
  }
  return files;
}

const isGnuTar =
  process.platform === 'linux' && /GNU tar/.test(execFileSync('tar', ['--version'], { encoding: 'utf8' }));

describe('sparse-member: a sparse file of GNU tar', { skip: isGnuTar ? false : 'tar is not GNU tar' }, () => {
  for (const flags of [
    ['--format=gnu'],
    ['--format=oldgnu'],
    ['--format=pax', '--sparse-version=0.0'],
    ['--format=pax', '--sparse-version=0.1'],
    ['--format=pax', '--sparse-version=1.0'],
  ]) {
    it(`a sparse file of GNU tar is read whole as a stream and from a seekable tar: ${flags.join(' ')}`, async (test) => {
      const { tar, file } = packed(test, ...flags);
      assert.ok(tar.byteLength < file.byteLength, 'tar kept no holes');
      const files = await readAll(tar);
      assert.ok(Buffer.from(file).equals(files.get('hole') ?? Buffer.alloc(0)));
      assert.equal(new TextDecoder().decode(files.get('small')), 'behind it');
      const entry = (await indexTar(bytesContent(tar))).entries.get('hole');
      assert.ok(entry?.sparse !== undefined);
      const stored = sliceContent(bytesContent(tar), entry.offset, entry.offset + entry.stored);
      const content = contentWithHoles(stored, entry.sparse, 'hole');
      for (const [from, to] of [
        [0, file.byteLength],
        [65_530, 65_540],
        [65_540, 200_000],
        [70_000, 70_001],
        [file.byteLength - 5, file.byteLength],
      ] as const) {
        const part = await collect(content.open({ from, to }), { limit: 2 ** 24, what: 'part' });
        assert.ok(Buffer.from(file.subarray(from, to)).equals(part), `${from} to ${to}`);
      }
    });
  }
});

describe('a malformed map of a sparse file', () => {
  const text = encoder.encode('abc');
  const old = (map: string, size = '10'): Uint8Array =>
    sparse(
      [
        ['GNU.sparse.size', size],
        ['GNU.sparse.map', map],
      ],
      text,
    );
  const newest = (map: string): Uint8Array =>
    sparse(
      [
        ['GNU.sparse.major', '1'],
        ['GNU.sparse.minor', '0'],
        ['GNU.sparse.realsize', '10'],
      ],
      new Uint8Array(Buffer.concat([Buffer.from(map), tarPadding(map.length || 512), text])),
    );
  /** A file in GNU's own format: one piece of three bytes, and blocks that go on with the map. */
  const gnu = (...blocks: readonly Uint8Array[]): Uint8Array => {
    const header = encodeBlock({ name: 'a', mode: 0o644, mtime: 0, linkname: '', typeflag: 'S', size: 3 });
    for (const [at, number] of [
      [386, 0],
      [398, 3],
      [483, 10],
    ] as const)
      header.set(encoder.encode(number.toString(8).padStart(11, '0')), at);
    header[482] = blocks.length === 0 ? 0 : 1;
    const end = [text, tarPadding(3), tarEnd];
    return new Uint8Array(Buffer.concat([patchedBlock(header, {}), ...blocks, ...end]));
  };
  const more = new Uint8Array(512).fill(1, 504, 505);

  it('the map of a sparse file may go on in further blocks', async () => {
    const tar = gnu(more, new Uint8Array(512));
    assert.deepEqual((await readAll(tar)).get('a'), new Uint8Array([...text, ...new Uint8Array(7)]));
  });

  for (const [sentence, code, tar] of [
    ['with overlapping pieces', 'MANIFEST_INVALID', old('0,2,1,1')],
    ['with pieces outside the file', 'MANIFEST_INVALID', old('8,3')],
    ['that names more bytes than the tar stores', 'MANIFEST_INVALID', old('0,4')],
    ['that names fewer bytes than the tar stores', 'MANIFEST_INVALID', old('0,2')],
    ['with an odd count of numbers', 'MANIFEST_INVALID', old('0,3,5')],
    ['that is no list of numbers', 'MANIFEST_INVALID', old('0,x')],
    ['with a size that is no number', 'MANIFEST_INVALID', old('0,3', '-1')],
    ['that ends before its count', 'MANIFEST_INVALID', newest('2\n0\n3\n')],
    ['that has no count', 'MANIFEST_INVALID', newest('')],
    ['that is missing from its header', 'MANIFEST_INVALID', sparse([['path', 'a']], text, 'S')],
    ['that is cut off between its blocks', 'MANIFEST_INVALID', gnu(more).subarray(0, 900)],
    ['whose blocks have no end', 'TOO_LARGE', gnu(...Array.from({ length: 2100 }, () => more))],
    ['with a number that is none', 'MANIFEST_INVALID', gnu(new Uint8Array(512).fill(0x78, 0, 12))],
    ['with more numbers than a mebibyte', 'TOO_LARGE', newest(`9999999\n${'0\n'.repeat(600_000)}`)],
    ['with a line that is no number', 'MANIFEST_INVALID', newest('1'.repeat(1_200_000))],
    ['of a file that is nearly all holes', 'TOO_LARGE', old('0,3', String(2 ** 40))],
  ] as const) {
    it(`the map of a sparse file ${sentence} is refused`, async () => {
      await assert.rejects(readAll(tar), (error) => isGantryError(error, code));
    });
  }

  it('a sparse file without pieces is read as zeros', async () => {
    const tar = sparse(
      [
        ['GNU.sparse.size', '100000'],
        ['GNU.sparse.map', '100000,0'],
      ],
      new Uint8Array(0),
    );
    assert.deepEqual((await readAll(tar)).get('a'), new Uint8Array(100_000));
    for (const map of [[], [['GNU.sparse.map', '']] as const]) {
      const empty = sparse([['GNU.sparse.major', '0'], ['GNU.sparse.size', '9'], ...map], new Uint8Array(0));
      assert.deepEqual((await readAll(empty)).get('a'), new Uint8Array(9));
    }
  });

  it('bytes that end before the map does are no file', async () => {
    const map = { size: 10, pieces: [{ at: 0, length: 4 }] };
    await assert.rejects(collect(withHoles(bytesContent(text).open(), map, 'a'), { limit: 10, what: 'a' }), {
      code: 'MANIFEST_INVALID',
    });
  });
});
