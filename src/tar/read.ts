import { ContentError, InputError } from '../errors.ts';
import type { Content } from '../flow/content.ts';
import { ContentCursor, StreamCursor } from './cursor.ts';
import { cutOff, nextEntry, paddingOf, type TarEntry } from './entry.ts';
import { isSafeName, safeName } from './name.ts';
import { withHoles } from './sparse.ts';

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
 * TOO_LARGE, UNSUPPORTED for a file that began in another volume.
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
      const end = entry.offset + entry.stored;
      const body = bodyOf(cursor, end, what);
      const { sparse } = entry;
      yield {
        ...entry,
        body: sparse === undefined ? body : withHoles(body, sparse, `${what}: ${entry.name}`),
      };
      const left = end - cursor.offset + paddingOf(entry.stored);
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

/** Where the entries of a seekable tar stand, by safe name. */
export interface TarIndex {
  /** Of several with one name the first, as crane and skopeo have it. */
  readonly entries: ReadonlyMap<string, TarEntry>;
  /** The others of that name. */
  readonly twins: ReadonlyMap<string, readonly TarEntry[]>;
  /** Names that lead out of the tar. What stands under them can't be found. */
  readonly unsafe: readonly string[];
}

/** No body is read. Throws as `readTar` does. */
export async function indexTar(
  content: Content,
  { what = 'tar', signal }: TarOptions = {},
): Promise<TarIndex> {
  const { size } = content;
  if (size === undefined || !content.replayable) {
    throw new InputError('INVALID_OPTION', `${what} can't be sought, so it can't be indexed`);
  }
  const cursor = new ContentCursor(content, size, signal);
  const entries = new Map<string, TarEntry>();
  const twins = new Map<string, TarEntry[]>();
  const unsafe: string[] = [];
  let room = maxNames;
  for (let count = 0; ; count++) {
    const entry = await nextEntry(cursor, what);
    if (entry === undefined) return { entries, twins, unsafe };
    const { name } = entry;
    if (!isSafeName(name)) unsafe.push(name);
    else addEntry(entries, twins, safeName(name, what), entry);
    room -= name.length + (entry.linkname?.length ?? 0);
    if (count >= maxIndexed || room < 0) {
      throw new ContentError('TOO_LARGE', `${what} has more than ${maxIndexed} entries, or longer names`, {
        expected: maxIndexed,
      });
    }
    const left = entry.stored + paddingOf(entry.stored);
    if ((await cursor.skip(left)) < left) throw cutOff(what, cursor.offset);
  }
}

function addEntry(
  entries: Map<string, TarEntry>,
  twins: Map<string, TarEntry[]>,
  name: string,
  entry: TarEntry,
): void {
  const others = twins.get(name);
  if (!entries.has(name)) entries.set(name, entry);
  else if (others === undefined) twins.set(name, [entry]);
  else others.push(entry);
}
