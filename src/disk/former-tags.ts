import { unlessUnreadable } from '../files/files.ts';
import type { Digest } from '../spec/digest.ts';
import type { RepositoryFolder } from './folder.ts';
import type { RegistryState } from './state.ts';
import { removeTags, tagged } from './tags.ts';

/** The digests that tags named before a put set them; undefined for a new tag. */
export type FormerTags = Map<string, Digest | undefined>;

/** Notes the digests of tags before their first change. The caller holds the tags. */
export async function noteTags(
  registry: RegistryState,
  folder: RepositoryFolder,
  tags: readonly string[],
  former: FormerTags,
): Promise<void> {
  for (const tag of tags) if (!former.has(tag)) former.set(tag, await tagged(registry, folder, tag));
}

/**
 * Returns tags to their former manifests, if they name a manifest that a collection of garbage has removed before they
 * named it. Removes a tag if its former manifest does not exist either. The caller holds the tags.
 */
export async function returnTags(
  registry: RegistryState,
  folder: RepositoryFolder,
  digest: Digest,
  former: FormerTags,
): Promise<void> {
  if (former.size === 0 || (await folder.hasManifest(digest))) return;
  for (const [tag, before] of former) {
    if ((await folder.tag(tag).catch(unlessUnreadable)) !== digest) continue;
    if (before !== undefined && before !== digest) {
      await setTag(registry, folder, tag, before);
      // A collection looks at the tags after it has put a manifest aside, so one of the two sees the other.
      if (await folder.hasManifest(before)) continue;
    }
    await removeTags(registry, folder, [tag]);
  }
}

async function setTag(
  { files, cache }: RegistryState,
  folder: RepositoryFolder,
  tag: string,
  digest: Digest,
): Promise<void> {
  const path = folder.tagPath(tag);
  cache.forgetTag(folder.name, path);
  await files.replace(path, new TextEncoder().encode(digest));
  cache.forgetTag(folder.name, path);
}
