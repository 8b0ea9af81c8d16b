import { close, fstat, open, read, type Stats } from 'node:fs';
import { ContentError } from '../errors.ts';
import { answered, notRegular, onDisk, openWith } from './files.ts';

/** A regular file at the moment when it was read. */
export interface ReadFile {
  readonly stats: Stats;
  /** `undefined` where the file is larger than the limit. */
  readonly bytes: Uint8Array | undefined;
}

/** Reads a file of `limit` bytes at most whole, or answers `undefined` if there is none. A link is refused. */
export async function readUpTo(path: string, limit: number): Promise<ReadFile | undefined> {
  const file = await openWith(path, (flags) => answered<number>((done) => open(path, flags, done)));
  if (file === undefined) return undefined;
  return onDisk(path, async () => {
    try {
      const stats = await answered<Stats>((done) => fstat(file, done));
      if (!stats.isFile()) throw notRegular(path);
      return { stats, bytes: stats.size > limit ? undefined : await readBytes(file, stats.size) };
    } finally {
      await answered((done) => close(file, (error) => done(error ?? null, undefined)));
    }
  });
}

/** One read may bring fewer bytes than it was asked for. A file that shrinks meanwhile is as short as it is then. */
async function readBytes(file: number, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const step = await answered<number>((done) => read(file, bytes, at, size - at, at, done));
    if (step === 0) return bytes.subarray(0, at);
    at += step;
  }
  return bytes;
}

/** The whole of a small file, or `undefined` if there is none. Throws TOO_LARGE. */
export async function readSmall(path: string, limit: number): Promise<Uint8Array | undefined> {
  const file = await readUpTo(path, limit);
  if (file === undefined || file.bytes !== undefined) return file?.bytes;
  const actual = file.stats.size;
  throw new ContentError('TOO_LARGE', `${path} is larger than the limit of ${limit} bytes`, {
    expected: limit,
    actual,
  });
}
