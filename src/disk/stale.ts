import { join } from 'node:path';
import { isGantryError } from '../errors.ts';
import { makeFolder, readSmall, removeFile, replaceFile } from '../files/files.ts';
import { digestOf } from '../flow/hash.ts';
import { LayoutIndex, type Root } from '../layout/index-file.ts';
import { LayoutManifests } from '../layout/manifests.ts';
import { indexFile, markerBytes, markerFile } from '../layout/marker.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestEncoded } from '../spec/digest.ts';
import { isRepositoryName } from '../spec/reference.ts';
import { listed } from '../store/listing.ts';
import type { DurableFiles } from './durable.ts';
import { namesIn, RepositoryFolder } from './folder.ts';

/** How long a repository is left alone before its index.json is written, in milliseconds. */
const quiet = 3_000;

/**
 * The repositories whose index.json no longer tells the truth. It is written some seconds after the last change and when
 * the store is closed, not at every push; a note on disk for each keeps that promise over a crash.
 */
export class StaleLayouts {
  readonly #files: DurableFiles;
  readonly #folder: string;
  readonly #repositories: string;
  readonly #names: Set<string>;
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** One at a time, in this order. */
  readonly #writing = new Map<string, Promise<void>>();
  #last: Promise<void> = Promise.resolve();

  private constructor(files: DurableFiles, repositories: string, names: Set<string>) {
    this.#files = files;
    this.#folder = join(files.root, 'stale');
    this.#repositories = repositories;
    this.#names = names;
  }

  static async open(files: DurableFiles, repositories: string): Promise<StaleLayouts> {
    const stale = new StaleLayouts(files, repositories, new Set());
    await files.folder(stale.#folder);
    for (const note of await namesIn(stale.#folder)) {
      const bytes = await readSmall(join(stale.#folder, note), 1024);
      const name = new TextDecoder().decode(bytes);
      if (!isRepositoryName(name)) continue;
      stale.#names.add(name);
      stale.changed(name);
    }
    return stale;
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

  /** Writes what is left. One that can't be written doesn't keep the others from it; the first failure is thrown. */
  async close(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    // Of now: one that stays stale is put back.
    const written = await Promise.allSettled(Array.from(this.#names, (name) => this.#write(name)));
    for (const result of written) if (result.status === 'rejected') throw result.reason;
  }

  #write(name: string): Promise<void> {
    const written = this.#last.then(async () => {
      if (!this.#names.delete(name)) return;
      try {
        await writeIndex(new RepositoryFolder(this.#repositories, name));
      } catch (error) {
        this.#names.add(name);
        // So many tags that no tool would read it: an index.json that is behind serves better than none.
        if (isGantryError(error, 'TOO_LARGE')) return;
        throw error;
      }
      if (!this.#names.has(name)) await removeFile(this.#note(name));
    });
    const ended = written
      .catch(() => undefined)
      .then(() => {
        if (this.#writing.get(name) === ended) this.#writing.delete(name);
      });
    this.#writing.set(name, ended);
    this.#last = ended;
    return written;
  }

  #note(name: string): string {
    return join(this.#folder, digestEncoded(digestOf(new TextEncoder().encode(name))));
  }
}

/** Files that are read together. */
const atOnce = 32;

/** Writes down in index.json what the repository holds. */
export async function writeIndex(folder: RepositoryFolder): Promise<void> {
  const manifests = new Map<Digest, Descriptor>();
  for (const digest of await folder.manifests()) {
    const descriptor = await folder.manifest(digest);
    if (descriptor !== undefined) manifests.set(digest, descriptor);
  }
  const tagged: Root[] = [];
  const tags = listed(await folder.tags());
  for (let at = 0; at < tags.length; at += atOnce) {
    const some = tags.slice(at, at + atOnce);
    const digests = await Promise.all(some.map((tag) => folder.tag(tag)));
    for (const [n, tag] of some.entries()) {
      const digest = digests[n];
      const descriptor = digest === undefined ? undefined : manifests.get(digest);
      if (descriptor !== undefined) tagged.push({ descriptor, tag });
    }
  }
  const others: Root[] = Array.from(manifests.values(), (descriptor) => ({ descriptor }));
  const named = new Set(tagged.map(({ descriptor }) => descriptor.digest));
  const all = new LayoutManifests(folder.layout, LayoutIndex.of([...tagged, ...others]));
  for await (const { children } of all.walk()) {
    for (const child of children) named.add(child);
  }
  const roots = [...tagged, ...others.filter(({ descriptor }) => !named.has(descriptor.digest))];
  const path = join(folder.layout, indexFile);
  await makeFolder(folder.layout);
  await replaceFile(join(folder.layout, markerFile), markerBytes);
  await replaceFile(path, LayoutIndex.of(roots).format(path));
}
