import { dirname } from 'node:path';
import { NotFoundError } from '../errors.ts';
import { lookAt, unlessUnreadable } from '../files/files.ts';
import type { Digest } from '../spec/digest.ts';
import { isTag } from '../spec/reference.ts';
import type { ListOptions, Tags } from '../store/contract.ts';
import { compareBytes, listed } from '../store/listing.ts';
import type { RepositoryFolder } from './folder.ts';
import { lockOf, type RegistryState } from './state.ts';

export function openTags(registry: RegistryState, folder: RepositoryFolder): Tags {
  return {
    async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
      signal?.throwIfAborted();
      if (!(await folder.holdsSomething())) {
        throw new NotFoundError('NAME_UNKNOWN', `the repository ${folder.name} does not exist`);
      }
      const tags = await listing(registry, folder);
      let at = after === undefined ? 0 : firstAfter(tags, after);
      for (let tag = tags[at]; tag !== undefined; tag = tags[++at]) yield tag;
    },
    async delete(tag, { signal } = {}) {
      signal?.throwIfAborted();
      // A tag of a missing manifest can be deleted, too.
      if (!isTag(tag) || (await lookAt(folder.tagPath(tag))) === undefined) return false;
      const remove = async (): Promise<boolean> => {
        await registry.indexes.add(folder.name);
        const removed = await removeTags(registry, folder, [tag]);
        registry.indexes.changed(folder.name);
        return removed > 0;
      };
      return lockOf(registry, folder.name).exclusive(remove, { signal });
    },
  };
}

/** Returns all tags, in order. */
async function listing({ cache }: RegistryState, folder: RepositoryFolder): Promise<readonly string[]> {
  if (cache.listing?.repository === folder.name) return cache.listing.tags;
  const changes = cache.changes;
  const tags = listed(await folder.tags());
  if (changes === cache.changes) cache.listing = { repository: folder.name, tags };
  return tags;
}

/** Returns the position of the first name after `after`. */
function firstAfter(names: readonly string[], after: string): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(names[middle] ?? '', after) > 0) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Returns the digest of a tag. A tag with an unreadable file names nothing until it is pushed again. */
export async function tagged(
  { cache }: RegistryState,
  folder: RepositoryFolder,
  tag: string,
): Promise<Digest | undefined> {
  const path = folder.tagPath(tag);
  const known = cache.tags.get(path);
  if (known !== undefined) return known;
  // A digest that was read during a change is not remembered.
  const changes = cache.changes;
  const digest = await folder.tag(tag).catch(unlessUnreadable);
  if (digest !== undefined && changes === cache.changes) cache.tags.set(path, digest);
  return digest;
}

/** The number of files that are read or removed together. */
const together = 32;

/** Returns the tags of the manifest, except tags with unreadable files. */
export async function tagsOf(folder: RepositoryFolder, digest: Digest): Promise<string[]> {
  const tags = await folder.tags();
  const found: string[] = [];
  for (let at = 0; at < tags.length; at += together) {
    const some = tags.slice(at, at + together);
    const digests = await Promise.all(some.map((tag) => folder.tag(tag).catch(unlessUnreadable)));
    found.push(...some.filter((_, n) => digests[n] === digest));
  }
  return found;
}

/** Removes the tags with one sync of their folder. Returns the number of tags that existed. */
export async function removeTags(
  { files, cache }: RegistryState,
  folder: RepositoryFolder,
  tags: readonly string[],
): Promise<number> {
  const paths = tags.map((tag) => folder.tagPath(tag));
  let removed = 0;
  try {
    for (let at = 0; at < paths.length; at += together) {
      const some = paths.slice(at, at + together);
      for (const path of some) cache.forgetTag(folder.name, path);
      const results = await Promise.allSettled(some.map((path) => files.remove(path)));
      for (const path of some) cache.forgetTag(folder.name, path);
      for (const result of results) {
        if (result.status === 'rejected') throw result.reason;
        if (result.value) removed++;
      }
    }
  } finally {
    const [first] = paths;
    if (first !== undefined && removed > 0) await files.synced(dirname(first));
  }
  return removed;
}
