import { join } from 'node:path';
import { digestOf } from '../flow/hash.ts';
import { makeFolder, readSmall, removeFile, replaceFile } from '../layout/files.ts';
import { LayoutIndex, type Root } from '../layout/index-file.ts';
import { LayoutManifests } from '../layout/manifests.ts';
import { indexFile, markerBytes, markerFile } from '../layout/marker.ts';
import { digestEncoded } from '../spec/digest.ts';
import { isRepositoryName } from '../spec/reference.ts';
import { listed } from '../store/listing.ts';
import { namesIn, RepositoryFolder } from './folder.ts';

/**
 * The repositories whose index.json no longer tells the truth. It is written when the store is closed, not at every
 * push; a note on disk for each keeps that promise over a crash.
 */
export class StaleLayouts {
  readonly #folder: string;
  readonly #repositories: string;
  readonly #names: Set<string>;

  private constructor(folder: string, repositories: string, names: Set<string>) {
    this.#folder = folder;
    this.#repositories = repositories;
    this.#names = names;
  }

  static async open(folder: string, repositories: string): Promise<StaleLayouts> {
    await makeFolder(folder);
    const names = new Set<string>();
    for (const note of await namesIn(folder)) {
      const bytes = await readSmall(join(folder, note), 1024);
      const name = new TextDecoder().decode(bytes);
      if (isRepositoryName(name)) names.add(name);
    }
    return new StaleLayouts(folder, repositories, names);
  }

  /** To be called before the change. */
  async add(name: string): Promise<void> {
    if (this.#names.has(name)) return;
    await replaceFile(this.#note(name), new TextEncoder().encode(name));
    this.#names.add(name);
  }

  async refresh(): Promise<void> {
    for (const name of this.#names) {
      await writeIndex(new RepositoryFolder(this.#repositories, name));
      await removeFile(this.#note(name));
      this.#names.delete(name);
    }
  }

  #note(name: string): string {
    return join(this.#folder, digestEncoded(digestOf(new TextEncoder().encode(name))));
  }
}

async function writeIndex(folder: RepositoryFolder): Promise<void> {
  const tagged: Root[] = [];
  for (const tag of listed(await folder.tags())) {
    const digest = await folder.tag(tag);
    const descriptor = digest === undefined ? undefined : await folder.manifest(digest);
    if (descriptor !== undefined) tagged.push({ descriptor, tag });
  }
  const others: Root[] = [];
  for (const digest of await folder.manifests()) {
    const descriptor = await folder.manifest(digest);
    if (descriptor !== undefined) others.push({ descriptor });
  }
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
