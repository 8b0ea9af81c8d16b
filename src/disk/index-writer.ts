import { join } from 'node:path';
import { blobFileContent } from '../blobfile/blob-file.ts';
import { isGantryError } from '../errors.ts';
import {
  isUnreadable,
  lookAt,
  makeFolder,
  removeFile,
  replaceFile,
  unlessUnreadable,
} from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import { collect } from '../flow/collect.ts';
import { digestOf } from '../flow/hash.ts';
import { createPool } from '../flow/pool.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { LayoutIndex, type Root } from '../layout/index-file.ts';
import { indexFile, markerBytes, markerFile } from '../layout/marker.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestEncoded } from '../spec/digest.ts';
import { manifestsOf } from '../spec/manifest.ts';
import { isImageType } from '../spec/media-type.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { SignalOptions } from '../store/contract.ts';
import { compareBytes, listed } from '../store/listing.ts';
import { moveAside } from './aside.ts';
import type { DurableFiles } from './durable.ts';
import { fileNamesIn, RepositoryFolder } from './folder.ts';
import { inSteps } from './in-steps.ts';

/** Milliseconds after the last change of a repository until its index.json is written. */
const quiet = 3_000;
/** Milliseconds that closing a store may take for writing. The notes of the rest stay for the next start. */
const closing = 3_000;
/** The number of index.json files that are written at the same time. */
const atOnce = 8;

/**
 * Writes the index.json of changed repositories, some seconds after the last change and when the store is closed, but
 * not at every push. A note on disk for each repository keeps it from being forgotten after a crash, or after a close
 * without time for all of them.
 */
export class IndexWriter {
  readonly #files: DurableFiles;
  readonly #folder: string;
  readonly #repositories: string;
  readonly #names = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** The writes that wait for their turn. */
  readonly #queued = new Map<string, Promise<void>>();
  /** The running writes: one at a time for each name, in order. */
  readonly #writing = new Map<string, Promise<void>>();
  readonly #pool = createPool(atOnce);
  readonly #end = new AbortController();

  /** Starts without any changed repository. */
  constructor(files: DurableFiles, repositories: string) {
    this.#files = files;
    this.#folder = join(files.root, 'stale');
    this.#repositories = repositories;
  }

  static async open(files: DurableFiles, repositories: string): Promise<IndexWriter> {
    const indexes = new IndexWriter(files, repositories);
    await files.folder(indexes.#folder);
    await inSteps(await fileNamesIn(indexes.#folder), async (note) => {
      const name = await indexes.#noted(note);
      if (name === undefined) return;
      indexes.#names.add(name);
      indexes.changed(name);
    });
    return indexes;
  }

  /** Returns the repository of a note. Leaves other files alone. */
  async #noted(note: string): Promise<string | undefined> {
    try {
      const name = new TextDecoder().decode(await readSmall(join(this.#folder, note), 1024));
      return isRepositoryName(name) && this.#note(name) === join(this.#folder, note) ? name : undefined;
    } catch (error) {
      if (isUnreadable(error)) return undefined;
      throw error;
    }
  }

  /** Call this before the change. */
  async add(name: string): Promise<void> {
    if (this.#names.has(name)) return;
    // The running write removes the note of this name, and must not remove the one that is written now.
    await this.#writing.get(name);
    await this.#files.replace(this.#note(name), new TextEncoder().encode(name));
    this.#names.add(name);
  }

  /** Call this after the change. It restarts the time until index.json is written. */
  changed(name: string): void {
    // The change may have taken longer than the delay of the write.
    this.#names.add(name);
    clearTimeout(this.#timers.get(name));
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      // After a failure the note stays, and the next change or start writes it.
      this.#write(name).catch(() => undefined);
    }, quiet);
    this.#timers.set(name, timer.unref());
  }

  /**
   * Writes the remaining files for at most `within` milliseconds. A failure does not stop the others; the first one
   * is thrown at the end.
   */
  async close({ within = closing }: { readonly within?: number } = {}): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    if (within === 0) this.#end.abort();
    const limit = setTimeout(() => this.#end.abort(), within);
    try {
      // Only the names of now: a failed one is put back.
      const written = await Promise.allSettled(Array.from(this.#names, (name) => this.#write(name)));
      for (const result of written) {
        if (result.status === 'rejected' && result.reason !== this.#end.signal.reason) throw result.reason;
      }
    } finally {
      clearTimeout(limit);
    }
  }

  #write(name: string): Promise<void> {
    const queued = this.#queued.get(name);
    if (queued !== undefined) return queued;
    const before = this.#writing.get(name) ?? Promise.resolve();
    const { signal } = this.#end;
    const written = before
      .then(() =>
        this.#pool.run(
          () => {
            this.#queued.delete(name);
            return this.#writeNow(name);
          },
          { signal },
        ),
      )
      .finally(() => this.#queued.delete(name));
    const ended = written
      .catch(() => undefined)
      .then(() => {
        if (this.#writing.get(name) === ended) this.#writing.delete(name);
      });
    this.#queued.set(name, written);
    this.#writing.set(name, ended);
    return written;
  }

  async #writeNow(name: string): Promise<void> {
    const { signal } = this.#end;
    if (!this.#names.delete(name)) return;
    try {
      await writeIndex(new RepositoryFolder(this.#repositories, name), { signal });
    } catch (error) {
      this.#names.add(name);
      // No tool would read an index.json with so many tags. The old one serves better than none.
      if (isGantryError(error, 'TOO_LARGE')) return;
      throw error;
    }
    if (!this.#names.has(name)) await removeFile(this.#note(name));
  }

  #note(name: string): string {
    return join(this.#folder, digestEncoded(digestOf(new TextEncoder().encode(name))));
  }
}

/** Writes the content of the repository to its index.json, as far as it is readable. */
export async function writeIndex(folder: RepositoryFolder, options: SignalOptions = {}): Promise<void> {
  const manifests = new Map<Digest, Descriptor>();
  const children = new Set<Digest>();
  await inSteps(
    await folder.manifests(),
    async (digest) => {
      const descriptor = await folder.manifest(digest).catch(unlessUnreadable);
      if (descriptor === undefined) return;
      manifests.set(digest, descriptor);
      for (const child of await childrenOf(folder, descriptor)) children.add(child);
    },
    options,
  );
  const leads = new Map<string, Descriptor>();
  const tags = listed(await folder.tags());
  await inSteps(
    tags,
    async (tag) => {
      const digest = await folder.tag(tag).catch(unlessUnreadable);
      const descriptor = digest === undefined ? undefined : manifests.get(digest);
      if (descriptor !== undefined) leads.set(tag, descriptor);
    },
    options,
  );
  const tagged = tags.flatMap((tag): Root[] => {
    const descriptor = leads.get(tag);
    return descriptor === undefined ? [] : [{ descriptor, tag }];
  });
  const named = new Set([...children, ...tagged.map(({ descriptor }) => descriptor.digest)]);
  const others = Array.from(manifests.values())
    .filter(({ digest }) => !named.has(digest))
    .sort((a, b) => compareBytes(a.digest, b.digest))
    .map((descriptor): Root => ({ descriptor }));
  const path = join(folder.layout, indexFile);
  const bytes = LayoutIndex.of([...tagged, ...others]).format(path);
  await makeFolder(folder.layout);
  await replaceUnlessSame(folder.store, join(folder.layout, markerFile), markerBytes);
  await replaceUnlessSame(folder.store, path, bytes);
}

/** Returns the manifests that this one names. Those of an unreadable manifest are listed beside it. */
async function childrenOf(folder: RepositoryFolder, descriptor: Descriptor): Promise<readonly Digest[]> {
  const { digest, mediaType } = descriptor;
  if (isImageType(mediaType)) return [];
  try {
    const source = blobFileContent(folder.layout, descriptor).open();
    const bytes = await collect(source, { limit: manifestLimit, what: `manifest ${digest}` });
    return manifestsOf(parseManifest(bytes, { digest, mediaType }).body).map((child) => child.digest);
  } catch (error) {
    if (isGantryError(error)) return [];
    throw error;
  }
}

async function replaceUnlessSame(store: string, path: string, bytes: Uint8Array): Promise<void> {
  const there = await readSmall(path, bytes.byteLength).catch(unlessUnreadable);
  if (there !== undefined && Buffer.compare(there, bytes) === 0) return;
  // A file cannot be renamed over a folder.
  if ((await lookAt(path))?.isDirectory() === true) await moveAside(store, path);
  await replaceFile(path, bytes);
}
