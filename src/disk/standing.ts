import type { Manifest } from '../spec/manifest.ts';
import { checkStanding } from '../store/admission.ts';
import type { PutOptions } from '../store/contract.ts';
import type { RepositoryFolder } from './folder.ts';
import { describe, type RegistryState } from './state.ts';

/**
 * Runs `task` while nobody else sets these tags of the repository. They are taken in one order, so that two puts of the same
 * tags never wait for each other.
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

/** Throws DENIED and MANIFEST_INVALID for what a put would change and may not. The caller holds the manifest and the tags. */
export async function checkStandingFiles(
  registry: RegistryState,
  folder: RepositoryFolder,
  manifest: Manifest,
  options: PutOptions,
): Promise<void> {
  const { digest } = manifest.descriptor;
  const same = await describe(registry, folder, digest);
  const taken = options.createOnly === true ? await takenTag(folder, digest, options.tags ?? []) : undefined;
  checkStanding({ name: folder.name, same, taken }, manifest, options);
}

/** The first tag that leads to another manifest that is there. */
async function takenTag(
  folder: RepositoryFolder,
  digest: string,
  tags: readonly string[],
): Promise<string | undefined> {
  for (const tag of tags) {
    const other = await folder.tag(tag);
    if (other !== undefined && other !== digest && (await folder.hasManifest(other))) return tag;
  }
  return undefined;
}
