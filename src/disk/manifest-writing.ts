import { dirname } from 'node:path';
import { isUnreadable, removeFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import type { Manifest } from '../spec/manifest.ts';
import { subjectOf } from '../store/referrers.ts';
import { touch } from './durable.ts';
import type { RepositoryFolder } from './folder.ts';
import { removeWithTrash } from './removal.ts';
import { describeOnDisk, type RegistryState } from './state.ts';
import { trashPath } from './trash.ts';

/** The files of one manifest. All of them are written and synced together, and then get their names. */
export class ManifestWriting {
  readonly #registry: RegistryState;
  readonly #folder: RepositoryFolder;
  readonly #manifest: Manifest;
  readonly #tags: readonly string[];
  readonly #entry: string;
  readonly #referrer: string | undefined;
  /** Staged files, by their final paths. */
  readonly #staged = new Map<string, string>();
  #known = false;

  constructor(
    registry: RegistryState,
    folder: RepositoryFolder,
    manifest: Manifest,
    tags: readonly string[],
  ) {
    this.#registry = registry;
    this.#folder = folder;
    this.#manifest = manifest;
    this.#tags = tags;
    const { digest } = manifest.descriptor;
    const subject = subjectOf(manifest);
    this.#entry = folder.manifestPath(digest);
    this.#referrer = subject === undefined ? undefined : folder.referrerPath(subject, digest);
  }

  async stage(): Promise<void> {
    const { mediaType, digest } = this.#manifest.descriptor;
    const known = await describeOnDisk(this.#registry, this.#folder, digest);
    // Both files are young again. A file that is gone meanwhile is written once more.
    const fresh =
      known !== undefined && (await touch(this.#entry)) && (await touch(this.#folder.blobPath(digest)));
    this.#known = known !== undefined;
    const writes: Promise<void>[] = [];
    const lacks = async (path: string, bytes: Uint8Array): Promise<void> => {
      if (!fresh || !(await holds(path, bytes))) await this.#stage(path, bytes);
    };
    // A push heals: it writes every file again that the disk has lost or changed.
    writes.push(lacks(this.#folder.blobPath(digest), this.#manifest.bytes));
    if (!fresh || known?.mediaType !== mediaType) writes.push(this.#stage(this.#entry, encoded(mediaType)));
    if (this.#referrer !== undefined) writes.push(lacks(this.#referrer, encoded('')));
    for (const tag of this.#tags) writes.push(lacks(this.#folder.tagPath(tag), encoded(digest)));
    // All writes end before the staged files are removed.
    for (const result of await Promise.allSettled(writes)) {
      if (result.status === 'rejected') throw result.reason;
    }
  }

  async keep(): Promise<void> {
    const { cache, pool } = this.#registry;
    const { mediaType, digest, size } = this.#manifest.descriptor;
    const path = this.#staged.get(this.#folder.blobPath(digest));
    if (path !== undefined) {
      await pool.take({ path, size, sync: async () => undefined }, digest, this.#folder.layout);
    }
    this.#staged.delete(this.#folder.blobPath(digest));
    cache.descriptors.set(this.#entry, { mediaType, digest, size });
    // Syncs also existing files, because the put that wrote them may not have got to its sync. Places the manifest
    // last: readers pass over the entry of a missing referrer, but would not find a referrer without an entry.
    await this.#place([...(this.#referrer === undefined ? [] : [this.#referrer]), this.#entry]);
  }

  /** Removes the files of this put. A manifest that existed before stays. */
  async undo(): Promise<void> {
    if (this.#known) return;
    if (this.#referrer !== undefined) await removeFile(this.#referrer);
    const { digest } = this.#manifest.descriptor;
    const { files, pool } = this.#registry;
    await removeWithTrash(files, this.#entry, trashPath(this.#folder.state, 'manifests', digest));
    await pool.remove(digest, this.#folder);
  }

  /** Places the tags last, so that no tag names a manifest that a power loss has taken. */
  async name(): Promise<void> {
    const { cache } = this.#registry;
    const paths = this.#tags.map((tag) => this.#folder.tagPath(tag));
    const changed = paths.filter((path) => this.#staged.has(path));
    for (const path of changed) cache.forgetTag(this.#folder.name, path);
    await this.#place(paths);
    for (const path of changed) cache.forgetTag(this.#folder.name, path);
  }

  async clear(): Promise<void> {
    for (const staged of this.#staged.values()) await removeFile(staged);
  }

  async #stage(path: string, bytes: Uint8Array): Promise<void> {
    this.#staged.set(path, await this.#registry.files.stage(bytes));
  }

  async #place(paths: readonly string[]): Promise<void> {
    const { files } = this.#registry;
    const changed = new Set<string>();
    for (const path of paths) {
      const staged = this.#staged.get(path);
      if (staged !== undefined) await files.place(staged, path);
      this.#staged.delete(path);
      changed.add(dirname(path));
    }
    await Promise.all([...changed].map((folder) => files.synced(folder)));
  }
}

/** Returns whether the file has these bytes. An unreadable file does not. */
async function holds(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    const there = await readSmall(path, bytes.byteLength);
    return there !== undefined && Buffer.compare(there, bytes) === 0;
  } catch (error) {
    if (isUnreadable(error)) return false;
    throw error;
  }
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
