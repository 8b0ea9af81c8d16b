import { ContentError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Reference } from '../spec/reference.ts';
import { checkTags } from '../store/admission.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { manifestName } from './open.ts';
import { formatPlace, type Place, toReference } from './place.ts';

/** Puts a manifest under more tags of its repository. Only manifests move. */
export async function tag(
  connections: Connections,
  reference: Reference,
  tags: readonly string[],
  options: SignalOptions = {},
): Promise<Descriptor> {
  checkTags(tags);
  const repository = connections.repository(reference, { actions: ['pull', 'push'] });
  const manifest = await repository.manifests.get(manifestName(reference), options);
  await repository.manifests.put(manifest, { ...options, tags, tagsOnly: true });
  return manifest.descriptor;
}

/** Stores a manifest alone, under the tag of the place or else its digest. The registry must have its content already. */
export async function putManifest(
  connections: Connections,
  place: string | Place,
  manifest: Manifest,
  options: SignalOptions = {},
): Promise<Descriptor> {
  const reference = toReference(place, 'an image in a registry', { defaultTag: null });
  if (reference.digest !== undefined)
    checkRoot(formatPlace(place), reference.digest, manifest.descriptor.digest);
  const repository = connections.repository(reference, { actions: ['pull', 'push'] });
  await repository.manifests.put(manifest, {
    tags: reference.tag === undefined ? undefined : [reference.tag],
    ...options,
  });
  return manifest.descriptor;
}

/**
 * Compares a digest with the one in the name of the destination.
 * @throws DIGEST_INVALID when they differ
 */
export function checkRoot(text: string, expected: Digest, actual: Digest): void {
  if (actual === expected) return;
  throw new ContentError('DIGEST_INVALID', `${text}: the pushed content has the digest ${actual}`, {
    expected,
    actual,
  });
}
