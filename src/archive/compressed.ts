import { UnsupportedError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { decompressed, sniffCompression } from '../flow/compression.ts';
import type { Content } from '../flow/content.ts';

/** The compression of a whole archive, found by its first bytes, because file names prove nothing. */
export type ArchiveCompression =
  | 'gzip'
  | 'zstd'
  | 'xz'
  | 'bzip2'
  | 'lz4'
  | 'lzip'
  | 'lzma'
  | 'compress'
  | 'zip'
  | '7z'
  | 'none';

/** Stands for any byte. */
const any = -1;

const signatures: readonly (readonly [ArchiveCompression, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68, any, 0x31, 0x41, 0x59, 0x26]],
  ['lz4', [0x04, 0x22, 0x4d, 0x18]],
  ['lzip', [0x4c, 0x5a, 0x49, 0x50, 0x01]],
  ['lzma', [0x5d, 0x00, 0x00]],
  ['compress', [0x1f, 0x9d]],
  ['zip', [0x50, 0x4b, 0x03, 0x04]],
  ['7z', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]],
];
const longest = 8;

/** The commands that unpack onto standard output. */
const commands: Readonly<Partial<Record<ArchiveCompression, string>>> = {
  xz: 'xz -dc',
  bzip2: 'bzip2 -dc',
  lz4: 'lz4 -dc',
  lzip: 'lzip -dc',
  lzma: 'xz -dc --format=lzma',
  compress: 'gzip -dc',
  zip: 'unzip -p',
  '7z': '7z x -so',
};

function sniffArchive(start: Uint8Array): ArchiveCompression {
  const found = signatures.find(([, magic]) => magic.every((byte, at) => byte === any || start[at] === byte));
  return found?.[0] ?? sniffCompression(start);
}

export async function compressionOf(path: string, content: Content): Promise<ArchiveCompression> {
  const start = content.open({ from: 0, to: longest });
  return sniffArchive(await collect(start, { limit: longest, what: path }));
}

/**
 * Yields the bytes of an archive without their compression. Throws UNSUPPORTED for a compression other than gzip and zstd;
 * the error names the command that unpacks it.
 */
export async function* unpacked(path: string, source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array(0);
  try {
    while (start.byteLength < longest) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      start = joined(start, value);
    }
    refusePacked(path, sniffArchive(start));
    yield* decompressed(resumed(start, chunks), { what: path });
  } finally {
    await chunks.return?.();
  }
}

function refusePacked(path: string, compression: ArchiveCompression): void {
  const command = commands[compression];
  if (command === undefined) return;
  throw new UnsupportedError(
    compression,
    `${path} is compressed with ${compression}; unpack it first: ${command} ${path} > image.tar`,
  );
}

async function* resumed(start: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  yield start;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(one.byteLength + other.byteLength);
  bytes.set(one);
  bytes.set(other, one.byteLength);
  return bytes;
}
