import { describe } from 'node:test';
import { collect } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { encodeBlock } from '../../src/tar/header.ts';
import { decodePax, encodePax } from '../../src/tar/pax.ts';
import { indexTar, readTar } from '../../src/tar/read.ts';
import { tarEnd, tarPadding, writeTar } from '../../src/tar/write.ts';
import { bytesOf, fuzz, grammar, runs, spoilt, standsPathological } from './fuzz.ts';

/** Archives and layers. */

const sample = await collect(
  writeTar([
    { name: 'manifest.json', size: 2, body: bytesContent(bytesOf('[]')).open() },
    { name: `${'long/'.repeat(60)}name`, size: 600, body: bytesContent(new Uint8Array(600)).open() },
    { name: 'link', type: 'symlink', linkname: 'x/'.repeat(80) },
    { name: 'folder/', type: 'directory' },
  ]),
  { limit: 2 ** 20, what: 'tar' },
);

/** Reads everything, the bodies only in part. */
async function readAll(bytes: Uint8Array): Promise<void> {
  for await (const { body } of readTar(bytesContent(bytes).open())) {
    for await (const _ of body) break;
  }
}

/** Corrects the checksum of each header, so that the parser also reaches the bytes behind it. */
function withChecksums(bytes: Uint8Array): Uint8Array {
  const fixed = Uint8Array.from(bytes);
  for (let at = 0; at + 512 <= fixed.byteLength; at += 512) {
    const block = fixed.subarray(at, at + 512);
    if (String.fromCharCode(...block.subarray(257, 262)) !== 'ustar') continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(bytesOf(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  }
  return fixed;
}

/** A sparse file in the form of PAX. Its map is damaged with the rest. */
const sparse = await collect(
  (async function* sparseTar() {
    const records = encodePax([
      ['GNU.sparse.size', '3000'],
      ['GNU.sparse.map', '0,512,1024,88,2000,12'],
    ]);
    const block = { name: 'holes', mode: 0o644, mtime: 0, linkname: '' };
    yield encodeBlock({ ...block, typeflag: 'x', size: records.byteLength });
    yield records;
    yield tarPadding(records.byteLength);
    yield encodeBlock({ ...block, typeflag: '0', size: 612 });
    yield new Uint8Array(612);
    yield tarPadding(612);
    yield tarEnd;
  })(),
  { limit: 2 ** 20, what: 'tar' },
);

describe('fuzz: tar', () => {
  fuzz('tar with a sparse file', spoilt(sparse).map(withChecksums), readAll);
  fuzz('tar', spoilt(sample), readAll);
  fuzz('tar with right checksums', spoilt(sample).map(withChecksums), readAll);
  fuzz('index of a tar', spoilt(sample).map(withChecksums), (bytes) => indexTar(bytesContent(bytes)), runs);
  standsPathological('tar', ['\0', 'a', 'ustar', '7777'], (text) => readAll(bytesOf(text)));
});

describe('fuzz: PAX records', () => {
  const pieces = [
    '10 path=ab\n',
    '6 a=b\n',
    ' ',
    '=',
    '\n',
    'size=',
    '9',
    '0',
    '\0',
    'path=',
    '30 GNU.sparse.major=1\n',
  ];
  fuzz('PAX records', grammar(...pieces), (text) => decodePax(bytesOf(text), 'tar'));
  standsPathological('PAX records', pieces, (text) => decodePax(bytesOf(text), 'tar'));
});
