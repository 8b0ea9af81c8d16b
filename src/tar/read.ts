import { ContentError, InputError } from '../errors.ts';
import type { Content } from '../flow/content.ts';
import { ContentCursor, StreamCursor } from './cursor.ts';
import { cutOff, nextEntry, paddingOf, type TarEntry } from './entry.ts';
import { safeName } from './name.ts';

export interface TarOptions {
  /** What an error calls the tar. Default: `tar`. */
  readonly what?: string;
  readonly signal?: AbortSignal | undefined;
}

/** An entry of a tar that is going by. The body is read before the next entry is asked for, or not at all. */
export interface TarPart extends TarEntry {
  readonly body: AsyncIterable<Uint8Array>;
}

/** An archive of so many entries is an attack on memory; images have a few hundred. */
const maxIndexed = 100_000;
/** All their names together, in characters. */
const maxNames = 64 * 2 ** 20;

/**
 * The entries of a tar in one pass. Throws MANIFEST_INVALID for what is no tar, SIZE_INVALID where it is cut off,
 * TOO_LARGE, UNSUPPORTED for sparse files.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  { what = 'tar', signal }: TarOptions = {},
): AsyncIterable<TarPart> {
  const cursor = new StreamCursor(source);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const entry = await nextEntry(cursor, what);
      if (entry === undefined) return;
      const end = entry.offset + entry.size;
      yield { ...entry, body: bodyOf(cursor, end, what) };
      const left = end - cursor.offset + paddingOf(entry.size);
      if ((await cursor.skip(left)) < left) throw cutOff(what, cursor.offset);
    }
  } finally {
    await cursor.close();
  }
}

async function* bodyOf(cursor: StreamCursor, end: number, what: string): AsyncIterable<Uint8Array> {
  while (cursor.offset < end) {
    const chunk = await cursor.next(end - cursor.offset);
    if (chunk === undefined) throw cutOff(what, cursor.offset);
    yield chunk;
  }
}

/**
 * Where every entry of a seekable tar stands, by safe name; no body is read. Of two with one name the first counts,
 * as it does for crane and skopeo. Throws as `readTar` does.
 */
export async function indexTar(
  content: Content,
  { what = 'tar', signal }: TarOptions = {},
): Promise<ReadonlyMap<string, TarEntry>> {
  const { size } = content;
  if (size === undefined || !content.replayable) {
    throw new InputError('INVALID_OPTION', `${what} can't be sought, so it can't be indexed`);
  }
  const cursor = new ContentCursor(content, size, signal);
  const index = new Map<string, TarEntry>();
  let room = maxNames;
  for (;;) {
    const entry = await nextEntry(cursor, what);
    if (entry === undefined) return index;
    const name = safeName(entry.name, what);
    if (!index.has(name)) index.set(name, entry);
    room -= name.length + (entry.linkname?.length ?? 0);
    if (index.size > maxIndexed || room < 0) {
      throw new ContentError('TOO_LARGE', `${what} has more than ${maxIndexed} entries, or longer names`, {
        expected: maxIndexed,
      });
    }
    const left = entry.size + paddingOf(entry.size);
    if ((await cursor.skip(left)) < left) throw cutOff(what, cursor.offset);
  }
}
