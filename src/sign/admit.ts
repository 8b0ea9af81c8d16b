import { InputError, VerificationError } from '../errors.ts';
import type { Digest } from '../spec/digest.ts';
import { isDigest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { isIndexType } from '../spec/media-type.ts';
import { maxNesting } from '../spec/nesting.ts';
import { checkArgument, checkOptions, having } from '../spec/options.ts';
import type { Repository } from '../store/contract.ts';
import type { NamedRoot } from '../store/named-root.ts';
import type { Policy } from './policy/policy.ts';
import type { PolicyImage } from './policy/scopes.ts';
import { signatureShape } from './signature-shape.ts';
import { type SignatureOptions, verifyAnyDigest } from './verify-image.ts';

/** A decision about a root, for the option `admit` of `copy`, `pull` and `push`. It throws for a root that may not move. */
export type AdmitImage = (root: Manifest, from: Repository, named: NamedRoot) => Promise<void>;

/**
 * Returns a decision for `admit`: the image has to be signed as demanded. A signature of the index that names it counts; of an
 * index that the copy makes of chosen platforms, each image has to be signed.
 * @throws INVALID_OPTION when an option has another type
 */
export function admitSigned(options: SignatureOptions): AdmitImage {
  checkOptions('admitSigned', options, signatureShape);
  return (root, from, named) =>
    eachSigned(root, from, named, async (digests) => {
      await verifyAnyDigest(from, digests, options);
    });
}

/** Returns a decision for `admit` by a policy. */
export function admitByPolicy(policy: Policy): AdmitImage {
  checkArgument('admitByPolicy', 'policy', policy, having('a policy, as readPolicy gives it', 'check'));
  return (root, from, named) =>
    eachSigned(root, from, named, (digests) => policy.check(imageOf(from, named), from, digests));
}

/** Calls `check` with the digests of which one has to be signed; once for each image of an index that the copy makes. */
async function eachSigned(
  root: Manifest,
  from: Repository,
  { manifest }: NamedRoot,
  check: (digests: readonly Digest[]) => Promise<void>,
): Promise<void> {
  const { digest } = root.descriptor;
  if (digest === manifest.descriptor.digest) return check([digest]);
  const named = await namedBy(from, manifest, 1);
  if (named.has(digest)) return check([manifest.descriptor.digest, digest]);
  const parts = manifestsOf(root.body).map((part) => part.digest);
  if (parts.length === 0) return check([digest]);
  for (const part of parts) {
    if (!named.has(part)) throw unknownPart(from, part);
    await check([manifest.descriptor.digest, part]);
  }
}

function unknownPart({ name }: Repository, part: Digest): VerificationError {
  return new VerificationError(
    'SIGNATURE_INVALID',
    `${name}@${part}: the copied index has an image that the source does not name`,
  );
}

/** Returns the digests that an index names, also in the indexes below it. */
async function namedBy(from: Repository, { body }: Manifest, depth: number): Promise<ReadonlySet<Digest>> {
  const named = new Set<Digest>();
  if (depth > maxNesting) return named;
  for (const { digest, mediaType } of manifestsOf(body)) {
    named.add(digest);
    if (!isIndexType(mediaType)) continue;
    for (const below of await namedBy(from, await from.manifests.get(digest), depth + 1)) named.add(below);
  }
  return named;
}

function imageOf({ name }: Repository, { reference, origin }: NamedRoot): PolicyImage {
  if (origin === undefined) {
    throw new InputError(
      'INVALID_OPTION',
      `${name}: a policy needs the origin of an image, which the verbs of a client give`,
    );
  }
  if (origin.transport !== 'docker') return { transport: origin.transport, path: origin.name };
  const identifier = isDigest(reference) ? { digest: reference } : { tag: reference };
  return { transport: 'docker', reference: { registry: origin.name, repository: name, ...identifier } };
}
