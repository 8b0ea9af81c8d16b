import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { checkStanding } from '../store/admission.ts';
import type { PutOptions } from '../store/contract.ts';
import type { RepositoryFolder } from './folder.ts';
import { describeOnDisk, type RegistryState } from './state.ts';

/**
 * Runs `task` while no other put sets these tags of the repository. Takes the tags in one order, so that two puts of
 * the same tags never wait for each other.
 */
export function whileTagsStand<T>(
  { tagTurns }: Pick<RegistryState, 'tagTurns'>,
  { name }: RepositoryFolder,
  tags: readonly string[],
  task: () => Promise<T>,
): Promise<T> {
  return [...new Set(tags)]
    .sort()
    .reduceRight<() => Promise<T>>((next, tag) => () => tagTurns(`${name}:${tag}`, next), task)();
}

/**
 * Throws DENIED, or MANIFEST_INVALID if the same bytes exist under another type. The caller holds the mutex of the
 * manifest.
 */
export async function checkType(
  registry: RegistryState,
  folder: RepositoryFolder,
  manifest: Manifest,
  options: PutOptions,
): Promise<void> {
  const same = await describeOnDisk(registry, folder, manifest.descriptor.digest);
  checkStanding({ name: folder.name, same, taken: undefined }, manifest, options);
}

/** Throws DENIED if a create-only put would move a tag. The result holds as long as the caller holds the tags. */
export async function checkTagFiles(
  folder: RepositoryFolder,
  manifest: Manifest,
  options: PutOptions,
): Promise<void> {
  const { tags = [], createOnly = false } = options;
  if (!createOnly) return;
  const taken = await takenTag(folder, manifest.descriptor.digest, tags);
  checkStanding({ name: folder.name, same: undefined, taken }, manifest, options);
}

/** Returns the first tag that names another existing manifest. */
async function takenTag(
  folder: RepositoryFolder,
  digest: Digest,
  tags: readonly string[],
): Promise<string | undefined> {
  for (const tag of tags) {
    // An unreadable tag names nothing.
    const other = await folder.tag(tag).catch(() => undefined);
    if (other !== undefined && other !== digest && (await folder.hasManifest(other))) return tag;
  }
  return undefined;
}
