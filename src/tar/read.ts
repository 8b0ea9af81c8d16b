import { ContentError, InputError } from '../errors.ts';
import type { Content } from '../flow/content.ts';
import { ContentCursor, StreamCursor } from './cursor.ts';
import { cutOff, nextEntry, paddingOf, type TarEntry } from './entry.ts';
import { isSafeName, safeName } from './name.ts';
import { withHoles } from './sparse.ts';

export interface TarOptions {
  /**
   * The name of the tar in errors.
   * @defaultValue 'tar'
   */
  readonly what?: string | undefined;
  /** Aborts the reading. */
  readonly signal?: AbortSignal | undefined;
}

/** An entry with its body. The body must be read before the next entry, or not at all. */
export interface TarPart extends TarEntry {
  readonly body: AsyncIterable<Uint8Array>;
}

/** Images have a few hundred entries; this many are an attack on memory. */
const maxIndexed = 100_000;
/** In characters, for the names of all entries together. */
const maxNames = 64 * 2 ** 20;

/**
 * Reads the entries of a tar in one pass.
 * @throws MANIFEST_INVALID when the source is no tar
 * @throws SIZE_INVALID when the tar is cut off
 * @throws TOO_LARGE when the records before an entry exceed 1 MiB
 * @throws UNSUPPORTED for a file that began in another volume
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

/** The entries of a seekable tar by safe name. */
export interface TarIndex {
  /** The first of several entries with one name, as in crane and skopeo. */
  readonly entries: ReadonlyMap<string, TarEntry>;
  /** The other entries of that name. */
  readonly twins: ReadonlyMap<string, readonly TarEntry[]>;
  /** Names that lead out of the tar. Their entries cannot be found. */
  readonly unsafe: readonly string[];
}

/**
 * Indexes a tar without reading any body.
 * @throws INVALID_OPTION when the content is not seekable
 * @throws TOO_LARGE above 100,000 entries, and the errors of `readTar`
 */
export async function indexTar(
  content: Content,
  { what = 'tar', signal }: TarOptions = {},
): Promise<TarIndex> {
  const { size } = content;
  if (size === undefined || !content.replayable) {
    throw new InputError(
      'INVALID_OPTION',
      `${what} can be read only once, so it cannot be indexed: write it to a file first`,
    );
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
