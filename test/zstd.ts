import { execFileSync } from 'node:child_process';
import * as zlib from 'node:zlib';
import { isInPath } from '../bench/support/programs.ts';

/** The reason why nothing can compress with zstd here; false if something can. */
export const noZstd: string | false =
  !isInPath('zstd') && typeof Reflect.get(zlib, 'zstdCompressSync') !== 'function'
    ? 'neither this Node nor the machine can compress with zstd'
    : false;

/** Compresses with zstd: with the program, or else with Node. Further words, such as `--long=27`, need the program. */
export function zstdOf(bytes: Uint8Array, ...words: readonly string[]): Uint8Array {
  if (isInPath('zstd'))
    return new Uint8Array(execFileSync('zstd', ['-q', '-c', ...words], { input: bytes, maxBuffer: 2 ** 30 }));
  const compress: unknown = Reflect.get(zlib, 'zstdCompressSync');
  if (typeof compress === 'function') return new Uint8Array(compress(bytes));
  throw new Error('nothing can compress with zstd here');
}

/** Makes a frame of blocks that are given as they are stored: with the window of a header, without checksum. */
export function zstdFrameOf(
  blocks: readonly { readonly type: 0 | 1 | 2; readonly size: number; readonly bytes: Uint8Array }[],
  descriptor: number = 0x50,
): Uint8Array {
  const parts = blocks.flatMap(({ type, size, bytes }, at) => {
    const head = Buffer.alloc(3);
    head.writeUIntLE((size << 3) | (type << 1) | (at === blocks.length - 1 ? 1 : 0), 0, 3);
    return [head, bytes];
  });
  return new Uint8Array(Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, descriptor]), ...parts]));
}

/** Returns a frame that stores bytes as they are, for tests that need no compressor. */
export function zstdStored(bytes: Uint8Array): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(bytes.byteLength / blockSize) || 1 }, (_, at) => {
    const part = bytes.subarray(at * blockSize, (at + 1) * blockSize);
    return { type: 0, size: part.byteLength, bytes: part } as const;
  });
  return zstdFrameOf(blocks);
}

const blockSize = 100_000;

/** Returns a frame of one repeated byte that unpacks to 128 KiB for every four bytes. */
export function zstdBomb(mebibytes: number): Uint8Array {
  const block = { type: 1, size: 128 * 1024, bytes: Uint8Array.of(0) } as const;
  return zstdFrameOf(Array.from({ length: mebibytes * 8 }, () => block));
}

/** Returns a frame without content. */
export function zstdSkippable(length: number): Uint8Array {
  const frame = Buffer.alloc(8 + length, 0xaa);
  frame.writeUInt32LE(0x184d2a50, 0);
  frame.writeUInt32LE(length, 4);
  return new Uint8Array(frame);
}
