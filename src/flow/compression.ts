import { codec } from '#compression';
import { ContentError } from '../errors.ts';

/** The compression of a layer. */
export type Compression = 'gzip' | 'zstd' | 'none';

/**
 * Limits of decompression. Content beyond them counts as a decompression bomb, since its descriptor tells nothing about
 * the size after it.
 */
export interface UnpackLimits {
  /**
   * The largest number of bytes after decompression.
   * @defaultValue 256 GiB
   */
  readonly bytes?: number;
  /**
   * The largest number of bytes after decompression per compressed byte, once `free` is exceeded. Layers reach 5, whole
   * disks of zeros 1000.
   * @defaultValue 200
   */
  readonly ratio?: number;
  /**
   * Bytes after decompression that are allowed at any ratio.
   * @defaultValue 1 GiB
   */
  readonly free?: number;
}

/** Detects the compression of a source, and returns the whole source again beside it. */
export async function detectCompression(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly compression: Compression; readonly source: AsyncIterable<Uint8Array> }> {
  const chunks = source[Symbol.asyncIterator]();
  const start = await peek(chunks, 4);
  return { compression: sniffCompression(start), source: whole(start, chunks) };
}

async function* whole(start: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* resumed(start, chunks, () => undefined);
  } finally {
    await chunks.return?.();
  }
}

interface DecompressOptions {
  /** The name of the source in errors. */
  readonly what: string;
  readonly limits?: UnpackLimits | undefined;
  /** Called before the first byte of output. */
  readonly onCompression?: ((compression: Compression) => void) | undefined;
}

/**
 * Detects the compression by the first bytes. Media types are unreliable: some layers called gzip are plain tar or
 * zstd.
 */
export function sniffCompression(start: Uint8Array): Compression {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  // A skippable frame, with which parallel compressors begin.
  if (((a ?? 0) & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  return 'none';
}

/**
 * Decompresses a source. Detects the compression by the first bytes and passes plain bytes through.
 * @throws DIGEST_INVALID for a damaged stream
 * @throws TOO_LARGE when the output exceeds `limits`
 */
export async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  { what, limits = {}, onCompression }: DecompressOptions,
): AsyncIterable<Uint8Array> {
  const { bytes = 256 * gibibyte, ratio = 200, free = gibibyte } = limits;
  const chunks = source[Symbol.asyncIterator]();
  try {
    const start = await peek(chunks, 4);
    let taken = 0;
    const rest = resumed(start, chunks, (length) => {
      taken += length;
    });
    const compression = sniffCompression(start);
    onCompression?.(compression);
    if (compression === 'none') {
      yield* rest;
      return;
    }
    const onDamage = (cause: unknown): never => {
      throw new ContentError('DIGEST_INVALID', `${what}: its ${compression} stream is damaged`, { cause });
    };
    let given = 0;
    for await (const chunk of codec.decompress(rest, { compression, what, onDamage })) {
      given += chunk.byteLength;
      const allowed = Math.min(bytes, Math.max(free, taken * ratio));
      if (given > allowed) throw bomb(what, allowed, given);
      yield chunk;
    }
  } finally {
    await chunks.return?.();
  }
}

const gibibyte = 2 ** 30;

function bomb(what: string, expected: number, actual: number): ContentError {
  return new ContentError('TOO_LARGE', `${what} unpacks to more than ${expected} bytes`, {
    expected,
    actual,
  });
}

/**
 * Compresses with gzip at level 1 to 9, by default 6. Writes the same header on every system, so that only the build of
 * zlib affects the digest.
 */
export async function* gzipped(
  source: AsyncIterable<Uint8Array>,
  { level }: { readonly level?: number | undefined } = {},
): AsyncIterable<Uint8Array> {
  let first = true;
  for await (const chunk of codec.compress(source, { compression: 'gzip', level })) {
    // Byte 9 names the operating system; 255 is "unknown".
    if (first && chunk.byteLength > 9) chunk[9] = 255;
    first = false;
    yield chunk;
  }
}

/**
 * Compresses a source; `none` passes it through. Levels are 1 to 9 for gzip, by default 6, and 1 to 22 for zstd, by
 * default 3.
 * @throws UNSUPPORTED for zstd on a runtime without it, and for a level in browsers
 */
export function compressed(
  source: AsyncIterable<Uint8Array>,
  { compression, level }: { readonly compression: Compression; readonly level?: number | undefined },
): AsyncIterable<Uint8Array> {
  if (compression === 'none') return source;
  return compression === 'gzip' ? gzipped(source, { level }) : codec.compress(source, { compression, level });
}

/** Reads and copies the first bytes: at least `wanted`, unless the source is shorter. */
async function peek(chunks: AsyncIterator<Uint8Array>, wanted: number): Promise<Uint8Array> {
  let start: Uint8Array = new Uint8Array(0);
  while (start.byteLength < wanted) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    const joined = new Uint8Array(start.byteLength + value.byteLength);
    joined.set(start);
    joined.set(value, start.byteLength);
    start = joined;
  }
  return start;
}

/** Yields the whole source again and reports bytes before they are used. Ending it does not end `chunks`. */
async function* resumed(
  start: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
  onBytes: (length: number) => void,
): AsyncIterable<Uint8Array> {
  onBytes(start.byteLength);
  yield start;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    onBytes(next.value.byteLength);
    yield next.value;
  }
}
