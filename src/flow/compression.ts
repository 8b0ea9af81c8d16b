import * as zlib from 'node:zlib';
import { ContentError, UnsupportedError } from '../errors.ts';

export type Compression = 'gzip' | 'zstd' | 'none';

/** The part of a `node:zlib` stream that is used here. */
interface Transform extends AsyncIterable<Uint8Array> {
  write(chunk: Uint8Array, done: (error?: Error | null) => void): unknown;
  end(): unknown;
  destroy(error?: Error): unknown;
}

/** What the first bytes say. Labels lie: some layers called gzip are plain tar or zstd. */
export function sniffCompression(start: Uint8Array): Compression {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  return 'none';
}

/**
 * The bytes without their compression, which is found by looking at them; plain ones pass as they are.
 * Throws DIGEST_INVALID for a damaged stream, UNSUPPORTED for zstd where the runtime has none (Node before 22.15).
 */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  { what }: { readonly what: string },
): AsyncIterable<Uint8Array> {
  const { start, rest } = await peek(source, 4);
  const compression = sniffCompression(start);
  if (compression === 'none') {
    yield* rest;
    return;
  }
  const transform =
    compression === 'gzip' ? zlib.createGunzip({ chunkSize: 128 * 1024 }) : zstdDecompress(what);
  yield* through(rest, transform, (error) => {
    throw new ContentError('DIGEST_INVALID', `${what}: its ${compression} stream is damaged`, {
      cause: error,
    });
  });
}

/**
 * The bytes gzipped: the same header on every system, so that only the zlib build decides the digest.
 * Level 1 to 9, default 6.
 */
export async function* gzipped(
  source: AsyncIterable<Uint8Array>,
  { level = 6 }: { readonly level?: number } = {},
): AsyncIterable<Uint8Array> {
  let first = true;
  const transform = zlib.createGzip({ level, chunkSize: 128 * 1024 });
  for await (const chunk of through(source, transform, (error) => {
    throw error;
  })) {
    // Byte 9 names the operating system; 255 is "unknown".
    if (first && chunk.byteLength > 9) chunk[9] = 255;
    first = false;
    yield chunk;
  }
}

/** Feeds a transform chunk by chunk, each only when the last is used up: a source may reuse its buffer. */
async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
  onDamage: (error: Error) => never,
): AsyncIterable<Uint8Array> {
  let failure: { readonly error: unknown } | undefined;
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of source) {
        await new Promise<void>((resolve, reject) => {
          transform.write(chunk, (error) => (error ? reject(new DamagedStream(error)) : resolve()));
        });
      }
      transform.end();
    } catch (error) {
      if (!(error instanceof DamagedStream)) failure = { error };
      transform.destroy(error instanceof Error ? error : undefined);
    }
  };
  const feeding = feed();
  try {
    yield* transform;
  } catch (error) {
    if (failure !== undefined) throw failure.error;
    onDamage(
      error instanceof DamagedStream
        ? error.damage
        : error instanceof Error
          ? error
          : new Error(String(error)),
    );
  } finally {
    transform.destroy();
    await feeding;
  }
  if (failure !== undefined) throw failure.error;
}

/** Marks a failure as the transform's own, so that the source's keep their face. */
class DamagedStream extends Error {
  readonly damage: Error;
  constructor(damage: Error) {
    super(damage.message);
    this.damage = damage;
  }
}

function zstdDecompress(what: string): Transform {
  const create: unknown = Reflect.get(zlib, 'createZstdDecompress');
  if (typeof create !== 'function') {
    throw new UnsupportedError('zstd', `${what} is compressed with zstd, which needs Node 22.15 or later`);
  }
  return create();
}

/** The first bytes, copied, and the whole again. */
async function peek(
  source: AsyncIterable<Uint8Array>,
  wanted: number,
): Promise<{ readonly start: Uint8Array; readonly rest: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array(0);
  while (start.byteLength < wanted) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    const joined = new Uint8Array(start.byteLength + value.byteLength);
    joined.set(start);
    joined.set(value, start.byteLength);
    start = joined;
  }
  async function* whole(): AsyncIterable<Uint8Array> {
    try {
      yield start;
      yield* { [Symbol.asyncIterator]: () => iterator };
    } finally {
      await iterator.return?.();
    }
  }
  return { start, rest: whole() };
}
