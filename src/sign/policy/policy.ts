import { InputError, type RejectedSignature, VerificationError } from '../../errors.ts';
import type { Digest } from '../../spec/digest.ts';
import {
  callback,
  checkArgument,
  checkOptions,
  flag,
  bytes as isBytes,
  type Shape,
} from '../../spec/options.ts';
import type { Reference } from '../../spec/reference.ts';
import type { Repository, SignalOptions } from '../../store/contract.ts';
import type { VerifiedSignature } from '../judge.ts';
import { verifyDigest } from '../verify-image.ts';
import { type PolicyRequirement, type ReadPolicyFile, readPolicyDocument } from './policy-file.ts';
import { type PolicyImage, requirementsFor } from './scopes.ts';

/** Settings of `readPolicy`. */
export interface PolicyOptions {
  /**
   * Lets bundles count, although they sign no name of an image and so meet no `signedIdentity`.
   * @defaultValue `false`
   */
  readonly bundles?: boolean | undefined;
}

/** Decides by a policy whether an image may be used. */
export interface Policy {
  /**
   * Resolves if the policy permits one of these manifests: the image, or an index that names it.
   * @throws POLICY_REJECTED with the reasons
   */
  check(
    image: PolicyImage,
    from: Repository,
    digests: readonly Digest[],
    options?: SignalOptions,
  ): Promise<void>;
}

const shape: Shape<PolicyOptions> = { bundles: flag };

/**
 * Reads a policy in the format of containers' `policy.json`. `read` reads the files of keys that it names.
 * @throws INVALID_OPTION when the policy is malformed
 * @throws UNSUPPORTED when it demands something that gantry cannot check
 */
export async function readPolicy(
  document: Uint8Array,
  read: ReadPolicyFile,
  options: PolicyOptions = {},
): Promise<Policy> {
  checkArgument('readPolicy', 'document', document, isBytes);
  checkArgument('readPolicy', 'read', read, callback);
  checkOptions('readPolicy', options, shape);
  const policy = await readPolicyDocument(document, read);
  return {
    async check(image, from, digests, { signal } = {}) {
      for (const requirement of requirementsFor(policy, image)) {
        await demand(requirement, image, { from, digests, bundles: options.bundles ?? false, signal });
      }
    },
  };
}

interface Asked extends SignalOptions {
  readonly from: Repository;
  readonly digests: readonly Digest[];
  readonly bundles: boolean;
}

async function demand(requirement: PolicyRequirement, image: PolicyImage, asked: Asked): Promise<void> {
  switch (requirement.kind) {
    case 'accept':
      return;
    case 'reject':
      throw new VerificationError(
        'POLICY_REJECTED',
        `the policy rejects every image like ${nameOf(image, asked)}`,
      );
    case 'signed':
      return demandSigned(requirement, image, asked);
    default:
      return requirement satisfies never;
  }
}

async function demandSigned(
  { keys, identity }: Extract<PolicyRequirement, { kind: 'signed' }>,
  image: PolicyImage,
  asked: Asked,
): Promise<void> {
  const rejected: RejectedSignature[] = [];
  for (const digest of asked.digests) {
    try {
      const { verified, ...rest } = await verifyDigest(asked.from, digest, { keys, signal: asked.signal });
      const reasons = verified.map((signature) => reasonAgainst(signature, image.reference, identity, asked));
      if (reasons.some((reason) => reason === undefined)) return;
      rejected.push(...rest.rejected);
      for (const [at, { format, name }] of verified.entries()) {
        rejected.push({ format, name, reason: reasons[at] ?? '' });
      }
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      rejected.push(...error.rejected);
    }
  }
  const reasons = rejected.map(({ name, format, reason }) => `${name} (${format}): ${reason}`);
  const why = reasons.length === 0 ? 'it is not signed' : reasons.slice(0, 5).join('; ');
  throw new VerificationError('POLICY_REJECTED', `the policy rejects ${nameOf(image, asked)}: ${why}`, {
    rejected,
  });
}

/** Returns the reason why a verified signature does not have the demanded identity; undefined if it has. */
function reasonAgainst(
  { reference: signed }: VerifiedSignature,
  image: Reference | undefined,
  rule: Extract<PolicyRequirement, { kind: 'signed' }>['identity'],
  { bundles }: Pick<Asked, 'bundles'>,
): string | undefined {
  if (signed === undefined) {
    return bundles
      ? undefined
      : 'a bundle signs no name of an image, so it counts only if the policy lets bundles count';
  }
  if (image === undefined) return 'an image on disk has no name to compare with the signed one';
  return rule.accepts(image, signed)
    ? undefined
    : `it is for ${signed.slice(0, 200)}, which the policy does not accept (${rule.type})`;
}

function nameOf({ transport }: PolicyImage, { from, digests }: Asked): string {
  const [digest] = digests;
  if (digest === undefined) throw new InputError('INVALID_OPTION', 'there is no image to check');
  return `${transport}:${from.name}@${digest}`;
}
