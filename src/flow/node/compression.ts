import * as zlib from 'node:zlib';
import { UnsupportedError } from '../../errors.ts';
import type { Codec } from '../codec.ts';
import { ZstdDamage } from '../zstd/damage.ts';
import { zstdFrames } from '../zstd/split.ts';
import { unzstd } from '../zstd/unzstd.ts';
import { piecedGzip } from './pieced-gzip.ts';

/** The members of a `node:zlib` stream that this file uses. */
interface Transform extends AsyncIterable<Uint8Array> {
  readonly destroyed: boolean;
  readonly readableEnded: boolean;
  write(chunk: Uint8Array, done: (error?: Error | null) => void): unknown;
  once(event: 'close', react: () => void): unknown;
  off(event: 'close', react: () => void): unknown;
  end(): unknown;
  destroy(): unknown;
}

export const codec: Codec = {
  decompress(source, { compression, onDamage }) {
    if (compression === 'gzip')
      return through(source, zlib.createGunzip({ chunkSize: 128 * 1024 }), onDamage);
    const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
    return typeof create === 'function'
      ? frameByFrame(source, () => create({ chunkSize: 128 * 1024 }), onDamage)
      : unzstd(source, onDamage);
  },
  compress(source, { compression, level }) {
    if (compression === 'gzip') return piecedGzip(source, level ?? 6);
    return through(source, zstdCompressor(level ?? 3), (error) => {
      throw error;
    });
  },
};

/**
 * Feeds a transform one chunk at a time, and takes the next only when the last is used up, since a source may reuse its
 * buffer. Reads the source to its end even when the stream ends earlier (padding), because a source that verifies
 * itself does so at its end.
 */
async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  onDamage: (error: unknown) => never,
): AsyncIterable<Uint8Array> {
  let failure: { readonly error: unknown } | undefined;
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of source) {
        if (!(await isTaken(transform, chunk)) && !transform.readableEnded) return;
      }
      transform.end();
    } catch (error) {
      failure = { error };
      transform.destroy();
    }
  };
  const feeding = feed();
  try {
    yield* transform;
  } catch (error) {
    // Errors of the source are rethrown unchanged.
    if (failure !== undefined) throw failure.error;
    onDamage(error);
  } finally {
    transform.destroy();
    await feeding;
  }
  if (failure !== undefined) throw failure.error;
}

/**
 * Waits until the chunk is used up. Resolves to false when that never happens: zlib does not call back once its stream
 * has ended or failed.
 */
function isTaken(transform: Transform, chunk: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const gone = (): void => resolve(false);
    if (transform.destroyed) return gone();
    transform.once('close', gone);
    transform.write(chunk, (error) => {
      transform.off('close', gone);
      resolve(!error);
    });
  });
}

/** Gives each frame a decompressor of its own, since Node's ignores all bytes after the first frame. */
async function* frameByFrame(
  source: AsyncIterable<Uint8Array>,
  create: () => Transform,
  onDamage: (error: unknown) => never,
): AsyncIterable<Uint8Array> {
  try {
    for await (const frame of zstdFrames(source)) yield* through(frame, create(), onDamage);
  } catch (error) {
    if (error instanceof ZstdDamage) onDamage(error);
    throw error;
  }
}

/** `ZSTD_c_compressionLevel`, which the types of the oldest Node do not have. */
const zstdLevel = 100;

function zstdCompressor(level: number): Transform {
  const create: unknown = Reflect.get(zlib, 'createZstdCompress');
  if (typeof create === 'function') return create({ params: { [zstdLevel]: level }, chunkSize: 128 * 1024 });
  throw new UnsupportedError('zstd', 'compressing with zstd needs Node 22.15 or later');
}
