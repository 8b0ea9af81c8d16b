import { InputError, NotFoundError, type RejectedSignature, VerificationError } from '../errors.ts';
import { enclosed } from '../flow/abort.ts';
import { createSemaphore } from '../flow/semaphore.ts';
import type { Annotations } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { given } from '../spec/options.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { atOnce, type Candidates, findCandidates, mostCandidates } from './candidates.ts';
import { type Demands, judgeCandidate, type VerifiedSignature } from './judge.ts';
import type { CertificateDemands } from './keyless/certificate-demands.ts';
import type { NotationDemands } from './notation/notation-demands.ts';
import { predicateTypeOf, signaturePredicate } from './predicate-types.ts';
import { parsePublicKey, type Verifier } from './public-key.ts';
import { rejectionOf } from './rejection.ts';

/** The demands on the signatures of an image. */
export interface SignatureOptions {
  /** The keys, any of which may have signed: public keys in PEM, or verifiers of your own. */
  readonly keys?: readonly (string | Verifier)[] | undefined;
  /** The signer by certificate. Signatures with certificates count only with it. */
  readonly certificate?: CertificateDemands | undefined;
  /** The trust policy for signatures of Notation, which count only with it. */
  readonly notation?: NotationDemands | undefined;
  /**
   * The type of the signed statement: `sign` for signatures; for attestations a URI, or a short name such as `spdxjson`.
   * @defaultValue `'sign'`
   */
  readonly type?: string | undefined;
  /** Annotations that the signer has signed with the image. */
  readonly annotations?: Annotations | undefined;
  /**
   * The number of signers that have to have signed. A signer with several signatures counts once.
   * @defaultValue `1`
   */
  readonly minSignatures?: number | undefined;
}

/** Settings of `verifyImage`. */
export interface VerifyImageOptions extends SignatureOptions, SignalOptions {}

/** The verdict about an image that is verified. */
export interface VerifiedImage {
  /** The digest of the image or index that is signed. */
  readonly digest: Digest;
  /** The signatures that count. */
  readonly verified: readonly VerifiedSignature[];
  /** The signatures that do not count, each with its reason. */
  readonly rejected: readonly RejectedSignature[];
  /** The statement of a trust policy that skips the verification; undefined if the image is verified. */
  readonly skippedBy?: string | undefined;
}

/**
 * Verifies the signatures of an image or index by its digest. Looks at all formats and at the first 100 referrers.
 * @throws INVALID_OPTION when a key cannot be used, or there is none
 * @throws SIGNATURE_MISSING when the image has no signature
 * @throws SIGNATURE_INVALID when too few signatures meet the demands
 */
export async function verifyDigest(
  from: Repository,
  digest: Digest,
  options: VerifyImageOptions,
): Promise<VerifiedImage> {
  const { minSignatures = 1 } = options;
  const { skippedBy, ...demands } = await demandsOf(options, from, digest);
  if (skippedBy !== undefined) return { digest, verified: [], rejected: [], skippedBy };
  return enclosed(options.signal, async (signal) => {
    const kind = demands.predicateType === signaturePredicate ? 'sig' : 'att';
    const candidates = await findCandidates(from, digest, kind, { signal });
    const judged = await judgeAll(candidates, digest, { ...demands, signal });
    const signers = new Set(judged.verified.map(({ signer }) => signer));
    if (signers.size >= minSignatures) return { digest, ...judged };
    // A signature that could not be read may be a good one.
    const [failure] = judged.failures;
    if (failure !== undefined) throw failure;
    throw notVerified(`${from.name}@${digest}`, judged, {
      missing: minSignatures > 1 ? minSignatures : 0,
      signers: signers.size,
      more: candidates.more,
    });
  });
}

/**
 * Verifies the first of several manifests that is signed as demanded. Their order is that of the questions.
 * @throws as `verifyDigest` does, with the reasons about all of them
 */
export async function verifyAnyDigest(
  from: Repository,
  digests: readonly Digest[],
  options: VerifyImageOptions,
): Promise<VerifiedImage> {
  const refused: VerificationError[] = [];
  for (const digest of digests) {
    try {
      return await verifyDigest(from, digest, options);
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error;
      refused.push(error);
    }
  }
  const [first] = refused;
  if (first === undefined) throw new InputError('INVALID_OPTION', 'there is no image to verify');
  if (refused.length === 1) throw first;
  const code = refused.find((one) => one.code !== 'SIGNATURE_MISSING')?.code ?? first.code;
  const rejected = refused.flatMap((one) => one.rejected);
  throw new VerificationError(code, refused.map(({ message }) => message).join('; '), { rejected });
}

/** @throws INVALID_OPTION when a key cannot be used, or there is none */
async function demandsOf(
  {
    keys = [],
    certificate,
    notation,
    type = 'sign',
    annotations = {},
    minSignatures = 1,
    signal,
  }: VerifyImageOptions,
  from: Repository,
  digest: Digest,
): Promise<Demands & { readonly skippedBy?: string | undefined }> {
  if (keys.length === 0 && certificate === undefined && notation === undefined) {
    throw new InputError('INVALID_OPTION', 'there is no key to verify with');
  }
  const predicateType = predicateTypeOf(type);
  const byName = new Map(
    keys.map((key) => (typeof key === 'string' ? parsePublicKey(key) : key)).map((key) => [key.name, key]),
  );
  const signers = byName.size + (certificate === undefined ? 0 : 1);
  if (minSignatures > signers && notation === undefined) {
    throw new InputError(
      'INVALID_OPTION',
      `${minSignatures} signatures are demanded, and there are only ${signers} different keys`,
    );
  }
  const demands = { verifiers: [...byName.values()], predicateType, annotations };
  // The code for certificates takes longer to load than a verification by key.
  const certificates =
    certificate && (await import('./keyless/certificate-judge.ts')).createCertificateJudge(certificate);
  if (notation === undefined) return { ...demands, certificates };
  if (predicateType !== signaturePredicate) {
    throw new InputError(
      'INVALID_OPTION',
      'Notation has no attestations: leave out the type, or the trust policy',
    );
  }
  const { createNotationJudge } = await import('./notation/notation-judge.ts');
  const judge = createNotationJudge(notation, from.name);
  if (judge.skippedBy !== undefined) return { ...demands, skippedBy: judge.skippedBy };
  // Notation signs the whole descriptor.
  const image = await from.manifests.resolve(digest, { signal });
  if (image === undefined) {
    throw new NotFoundError('MANIFEST_UNKNOWN', `${from.name}@${digest}: there is no such image`);
  }
  return {
    ...demands,
    certificates,
    notation: { judge: (candidate, wanted) => judge.judge(candidate, image, wanted) },
  };
}

interface Judged {
  readonly verified: readonly VerifiedSignature[];
  readonly rejected: readonly RejectedSignature[];
  readonly failures: readonly unknown[];
}

async function judgeAll(
  { found, rejected, failures }: Candidates,
  digest: Digest,
  demands: Demands,
): Promise<Judged> {
  const gate = createSemaphore(atOnce);
  const judged = await Promise.all(
    found.map(async (candidate): Promise<Partial<Judged>> => {
      const permit = await gate.acquire(1, given({ signal: demands.signal }));
      try {
        return { verified: [await judgeCandidate(candidate, digest, demands)] };
      } catch (error) {
        demands.signal?.throwIfAborted();
        const reason = rejectionOf(error);
        if (reason === undefined) return { failures: [error] };
        return { rejected: [{ format: candidate.format, name: candidate.name, reason }] };
      } finally {
        permit.release();
      }
    }),
  );
  return {
    verified: judged.flatMap((one) => one.verified ?? []),
    rejected: [...rejected, ...judged.flatMap((one) => one.rejected ?? [])],
    failures: [...failures, ...judged.flatMap((one) => one.failures ?? [])],
  };
}

interface Shortage {
  /** The number of demanded signers; 0 if one would do. */
  readonly missing: number;
  readonly signers: number;
  readonly more: boolean;
}

function notVerified(
  name: string,
  { rejected }: Judged,
  { missing, signers, more }: Shortage,
): VerificationError {
  const limit = more ? `; gantry looked at ${mostCandidates} of them, and there are more` : '';
  if (missing > 0 && signers > 0) {
    const message = `${name}: ${signers} of ${missing} demanded signers have signed${limit}`;
    return new VerificationError('SIGNATURE_INVALID', message, { rejected });
  }
  if (rejected.length === 0) {
    return new VerificationError('SIGNATURE_MISSING', `${name} is not signed${limit}`, { rejected });
  }
  const reasons = rejected.map((one) => `${one.name} (${one.format}): ${one.reason}`);
  const shown = [...reasons.slice(0, 5), ...(reasons.length > 5 ? [`and ${reasons.length - 5} more`] : [])];
  const message = `${name}: no signature counts${limit}: ${shown.join('; ')}`;
  return new VerificationError('SIGNATURE_INVALID', message, { rejected });
}
