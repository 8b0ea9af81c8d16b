import { close, fstat, open, read, type Stats } from 'node:fs';
import { ContentError } from '../errors.ts';
import { answered, notRegular, onDisk, openWith } from './files.ts';

/** A regular file at the moment when it was read. */
export interface ReadFile {
  readonly stats: Stats;
  /** Undefined for a file above the limit. */
  readonly bytes: Uint8Array | undefined;
}

/** Reads a file of at most `limit` bytes. Returns undefined if it does not exist. Refuses every link. */
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

/** Reads in a loop, since one read may return fewer bytes. Returns fewer bytes for a file that shrinks meanwhile. */
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

/** Returns the content of a small file; undefined if it does not exist. Throws TOO_LARGE above the limit. */
export async function readSmall(path: string, limit: number): Promise<Uint8Array | undefined> {
  const file = await readUpTo(path, limit);
  if (file === undefined || file.bytes !== undefined) return file?.bytes;
  const actual = file.stats.size;
  throw new ContentError('TOO_LARGE', `${path} is larger than the limit of ${limit} bytes`, {
    expected: limit,
    actual,
  });
}
