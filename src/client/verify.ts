import { selectRoot } from '../copy/select.ts';
import { NotFoundError } from '../errors.ts';
import { type ListedAttestation, listAttestations } from '../sign/attestations.ts';
import {
  type SignatureOptions,
  type VerifiedImage,
  type VerifyImageOptions,
  verifyAnyDigest,
} from '../sign/verify-image.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { formatReference } from '../spec/reference.ts';
import type { Repository } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { OpenedSource } from './disk-source.ts';
import { openSource } from './open.ts';
import { formatPlace, type Place, toPlace } from './place.ts';
import type { ReadOptions } from './read.ts';
import { type SignaturePlaceOptions, signatureSource } from './signing-place.ts';

/** Settings of `verify`. */
export interface VerifyOptions extends SignatureOptions, SignaturePlaceOptions, ReadOptions {}

/** Settings of `attestations`. */
export interface AttestationsOptions extends SignaturePlaceOptions, ReadOptions {}

/** Verifies an image. With a platform, a signature of its index counts too, since the index names the image by its digest. */
export function verifyPlace(
  connections: Connections,
  place: string | Place,
  options: VerifyOptions,
): Promise<VerifiedImage> {
  return reading(connections, place, options, async (from, subjects) => {
    const { platform: _, repository: __, ...demands } = options;
    return verifyAnyDigest(from, subjects, withName(demands, toPlace(place)));
  });
}

/** Gives the name of the repository to a trust policy, which chooses its demands by it. */
function withName(demands: VerifyImageOptions, place: Place): VerifyImageOptions {
  const { notation } = demands;
  if (notation === undefined || place.kind !== 'registry') return demands;
  const { registry, repository } = place.reference;
  return {
    ...demands,
    notation: { ...notation, repository: notation.repository ?? formatReference({ registry, repository }) },
  };
}

export function attestationsOf(
  connections: Connections,
  place: string | Place,
  options: AttestationsOptions,
): Promise<readonly ListedAttestation[]> {
  return reading(connections, place, options, async (from, subjects) => {
    const listed = await Promise.all(subjects.map((digest) => listAttestations(from, digest, options)));
    return listed.flat();
  });
}

async function reading<T>(
  connections: Connections,
  text: string | Place,
  options: SignaturePlaceOptions & ReadOptions,
  use: (from: Repository, subjects: readonly Digest[]) => Promise<T>,
): Promise<T> {
  const place = toPlace(text);
  const { platform, signal } = options;
  const platforms = platform === undefined ? undefined : [platform];
  const source = await openSource(connections, place, { platforms, signal });
  try {
    const subjects = await subjectsOf(source, place, options);
    return await use(signatureSource(connections, source.repository, options), subjects);
  } finally {
    await source.repository[Symbol.asyncDispose]();
  }
}

/** Returns the digests with signatures that cover the image: its own, and that of the index it was selected from. */
async function subjectsOf(
  { repository, reference, registry }: OpenedSource,
  place: Place,
  { platform, signal }: ReadOptions,
): Promise<readonly Digest[]> {
  if (platform !== undefined) {
    const root = await repository.manifests.get(reference, { signal });
    const { descriptor } = await selectRoot(repository, root, [platform], { signal });
    return [...new Set([root.descriptor.digest, descriptor.digest])];
  }
  if (registry !== undefined && isDigest(reference)) return [reference];
  const found = await repository.manifests.resolve(reference, { signal });
  if (found !== undefined) return [found.digest];
  throw new NotFoundError('MANIFEST_UNKNOWN', `${formatPlace(place)}: there is no such image`);
}
