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

/** How long a repository is left alone before its index.json is written, in milliseconds. */
const quiet = 3_000;
/** How long a store that is closed goes on writing them, in milliseconds; what is left then stays noted. */
const closing = 3_000;
/** Files of index.json that are written together. */
const atOnce = 8;

/**
 * The repositories whose index.json no longer tells the truth. It is written some seconds after the last change and when
 * the store is closed, not at every push; a note on disk for each keeps that promise over a crash, and over an end that has
 * no time for all of them.
 */
export class IndexWriter {
  readonly #files: DurableFiles;
  readonly #folder: string;
  readonly #repositories: string;
  readonly #names = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Those that wait for their turn. */
  readonly #queued = new Map<string, Promise<void>>();
  /** Of one name one at a time, in this order. */
  readonly #writing = new Map<string, Promise<void>>();
  readonly #pool = createPool(atOnce);
  readonly #end = new AbortController();

  /** Of which nothing is known to be stale. */
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

  /** What is none of our notes is left alone, whatever it is. */
  async #noted(note: string): Promise<string | undefined> {
    try {
      const name = new TextDecoder().decode(await readSmall(join(this.#folder, note), 1024));
      return isRepositoryName(name) && this.#note(name) === join(this.#folder, note) ? name : undefined;
    } catch (error) {
      if (isUnreadable(error)) return undefined;
      throw error;
    }
  }

  /** To be called before the change. */
  async add(name: string): Promise<void> {
    if (this.#names.has(name)) return;
    // What removes the note of this name must not remove the one that is written now.
    await this.#writing.get(name);
    await this.#files.replace(this.#note(name), new TextEncoder().encode(name));
    this.#names.add(name);
  }

  /** To be called after the change: the time until its index.json is written begins anew. */
  changed(name: string): void {
    // The change may have taken longer than the writing waited.
    this.#names.add(name);
    clearTimeout(this.#timers.get(name));
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      // What can't be written now is noted, and written at the next change or start.
      this.#write(name).catch(() => undefined);
    }, quiet);
    this.#timers.set(name, timer.unref());
  }

  /**
   * Writes what is left, as far as it gets `within` so many milliseconds. One that can't be written doesn't keep the others
   * from it; the first failure is thrown.
   */
  async close({ within = closing }: { readonly within?: number } = {}): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    if (within === 0) this.#end.abort();
    const limit = setTimeout(() => this.#end.abort(), within);
    try {
      // Of now: one that stays stale is put back.
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
      // So many tags that no tool would read it: an index.json that is behind serves better than none.
      if (isGantryError(error, 'TOO_LARGE')) return;
      throw error;
    }
    if (!this.#names.has(name)) await removeFile(this.#note(name));
  }

  #note(name: string): string {
    return join(this.#folder, digestEncoded(digestOf(new TextEncoder().encode(name))));
  }
}

/** Writes down in index.json what the repository holds, as far as it can be read. */
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

/** Manifests that this one names. Of one that can't be read they are listed beside it. */
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
