import { UnsupportedError } from '../../errors.ts';
import type { Codec } from '../codec.ts';
import { unzstd } from '../zstd/unzstd.ts';

/** A `CompressionStream` or a `DecompressionStream`. */
interface TransformPair {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * Compresses with the streams that browsers have. They know one level, most of them no zstd, and some refuse bytes after
 * the end of a gzip stream, and gzip streams of several members. `runtime` has the constructors of the streams.
 */
export function createCodec(runtime: object): Codec {
  return {
    decompress(source, { compression, what, onDamage }) {
      // Streams of the runtime for zstd stop after one frame, or do not exist.
      if (compression === 'zstd') return unzstd(source, onDamage);
      const stream = transformPair(runtime, 'DecompressionStream', compression);
      if (stream === undefined) {
        throw new UnsupportedError(
          compression,
          `${what} is compressed with ${compression}, which ${lacking}`,
        );
      }
      return through(source, stream, onDamage);
    },
    compress(source, { compression, level }) {
      if (level !== undefined) {
        throw new UnsupportedError('level', `a compression level needs node:zlib, which ${lacking}`);
      }
      const stream = transformPair(runtime, 'CompressionStream', compression);
      if (stream === undefined) {
        throw new UnsupportedError(compression, `compressing needs ${compression}, which ${lacking}`);
      }
      return through(source, stream, (error) => {
        throw error;
      });
    },
  };
}

export const codec: Codec = createCodec(globalThis);

const lacking = 'this JavaScript runtime does not have';

/** Returns undefined if the runtime has no such stream. */
function transformPair(
  runtime: object,
  name: 'CompressionStream' | 'DecompressionStream',
  format: string,
): TransformPair | undefined {
  const create: unknown = Reflect.get(runtime, name);
  if (typeof create !== 'function') return undefined;
  try {
    return Reflect.construct(create, [format]);
  } catch {
    return undefined;
  }
}

/** Feeds a copy of each chunk, since a source may reuse its buffer before the stream has read it. */
async function* through(
  source: AsyncIterable<Uint8Array>,
  { readable, writable }: TransformPair,
  onDamage: (error: unknown) => never,
): AsyncIterable<Uint8Array> {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  let failure: { readonly error: unknown } | undefined;
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of source) {
        // The reader meets the error of a failed stream.
        if (!(await isDone(writer.write(Uint8Array.from(chunk))))) return;
      }
    } catch (error) {
      failure = { error };
      await isDone(writer.abort(error));
      return;
    }
    await isDone(writer.close());
  };
  const feeding = feed();
  try {
    for (let next = await reader.read(); next.value !== undefined; next = await reader.read())
      yield next.value;
  } catch (error) {
    // Errors of the source are rethrown unchanged.
    if (failure !== undefined) throw failure.error;
    onDamage(error);
  } finally {
    await isDone(reader.cancel());
    await isDone(writer.abort());
    await feeding;
  }
  if (failure !== undefined) throw failure.error;
}

async function isDone(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch {
    return false;
  }
}
