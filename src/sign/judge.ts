import { parseJson } from '../json/parse.ts';
import type { Annotations } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import { decodeBase64 } from './base64.ts';
import { type Bundle, parseBundle } from './bundle.ts';
import type { SignatureCandidate, SignatureFormat } from './candidates.ts';
import { type Envelope, readEnvelope, signedBytes, statementType } from './envelope.ts';
import { signaturePredicate } from './predicate-types.ts';
import type { Verifier } from './public-key.ts';
import { Rejection } from './rejection.ts';
import { parseSimpleSigning, simpleSigningType } from './simple-signing.ts';
import { parseStatement, type Statement, subjectsNaming } from './statement.ts';

/** A signature that counts. */
export interface VerifiedSignature {
  /** The format of the signature. */
  readonly format: SignatureFormat;
  /** The digest of the signature's content. */
  readonly name: Digest;
  /** The name of the key, or the identity in the certificate. */
  readonly signer: string;
  /** The type of the predicate of the signed statement; undefined for formats without one. */
  readonly predicateType?: string | undefined;
  /** The signed annotations of the image. */
  readonly annotations: Annotations;
  /** The name of the image that the signature itself gives; only the legacy format has one. */
  readonly reference?: string | undefined;
  /** Whether an entry in a transparency log was verified too. */
  readonly log: 'none' | 'entry';
  /** The signed document: a statement, or the document of the format. */
  readonly payload: Uint8Array;
}

/** The proof of a certificate, verified elsewhere: it needs a trusted root. */
export interface CertificateJudge {
  /** Resolves with the identity, and whether a log entry was verified. @throws Rejection with the reason */
  judge(bundle: Bundle): Promise<{ readonly signer: string; readonly log: 'none' | 'entry' }>;
}

/** Judges signatures of Notation about one image. */
export interface NotationCandidateJudge {
  /** @throws Rejection or MANIFEST_INVALID with the reason */
  judge(candidate: SignatureCandidate, annotations: Annotations): Promise<VerifiedSignature>;
}

/** The demands on a signature. */
export interface Demands extends SignalOptions {
  readonly verifiers: readonly Verifier[];
  readonly certificates?: CertificateJudge | undefined;
  readonly notation?: NotationCandidateJudge | undefined;
  readonly predicateType: string;
  readonly annotations: Annotations;
}

/** The greatest sizes of bundles and documents. An attestation may be a whole SBOM. */
export const mostBytes: Readonly<Record<'signature' | 'attestation', number>> = {
  signature: 1024 * 1024,
  attestation: 32 * 1024 * 1024,
};

const envelopeType = 'application/vnd.dsse.envelope.v1+json';
const signatureAnnotation = 'dev.cosignproject.cosign/signature';

/**
 * Checks one candidate against an image and all demands.
 * @throws Rejection or MANIFEST_INVALID with the reason why it does not count
 */
export async function judgeCandidate(
  candidate: SignatureCandidate,
  digest: Digest,
  demands: Demands,
): Promise<VerifiedSignature> {
  const isSignature = demands.predicateType === signaturePredicate;
  switch (candidate.format) {
    case 'bundle':
      return judgeBundle(candidate, digest, demands);
    case 'legacy':
      return isSignature
        ? judgeSimpleSigning(candidate, digest, demands)
        : judgeLegacyAttestation(candidate, digest, demands);
    case 'notation':
      if (demands.notation === undefined)
        throw new Rejection('a signature of Notation, and its trust policy is not given');
      return demands.notation.judge(candidate, demands.annotations);
    default:
      return candidate.format satisfies never;
  }
}

function limitOf({ predicateType }: Demands): number {
  return predicateType === signaturePredicate ? mostBytes.signature : mostBytes.attestation;
}

async function judgeBundle(
  candidate: SignatureCandidate,
  digest: Digest,
  demands: Demands,
): Promise<VerifiedSignature> {
  const bundle = parseBundle(await candidate.read(limitOf(demands)), 'the bundle');
  const { envelope } = bundle;
  const proof =
    bundle.certificate === undefined
      ? { signer: await signerOf(signedBytes(envelope), envelope.signature, demands), log: 'none' as const }
      : await certificateSigner(bundle, demands);
  return { ...proof, ...acceptStatement(candidate, envelope, digest, demands) };
}

async function certificateSigner(
  bundle: Bundle,
  { certificates }: Demands,
): Promise<{ readonly signer: string; readonly log: 'none' | 'entry' }> {
  if (certificates === undefined) throw new Rejection('signed with a certificate, and a key is asked for');
  return certificates.judge(bundle);
}

/** Checks the payload of an envelope after its signature. */
function acceptStatement(
  { format, name }: SignatureCandidate,
  { payload, payloadType }: Envelope,
  digest: Digest,
  { predicateType, annotations }: Demands,
): Omit<VerifiedSignature, 'signer' | 'log'> {
  if (payloadType !== statementType) throw new Rejection(`its payload has the type ${clip(payloadType)}`);
  const statement = parseStatement(payload, 'the statement');
  const subject = acceptSubject(statement, digest, annotations);
  if (statement.predicateType !== predicateType) {
    throw new Rejection(`it states ${clip(statement.predicateType)}, and ${predicateType} is asked for`);
  }
  return { format, name, predicateType, annotations: subject, payload };
}

/** Returns the annotations of the subject that is this image with the demanded annotations. */
function acceptSubject(statement: Statement, digest: Digest, annotations: Annotations): Annotations {
  const subjects = subjectsNaming(statement, digest);
  if (subjects.length === 0) throw new Rejection('it is about another image');
  const subject = subjects.find((one) => holds(one.annotations, annotations));
  if (subject === undefined) throw new Rejection(lacks(annotations));
  return subject.annotations;
}

async function judgeSimpleSigning(
  candidate: SignatureCandidate,
  digest: Digest,
  demands: Demands,
): Promise<VerifiedSignature> {
  const { format, name, mediaType } = candidate;
  if (mediaType !== simpleSigningType) throw new Rejection(`its layer has the type ${clip(mediaType)}`);
  const signature = decodeBase64(candidate.annotations[signatureAnnotation] ?? '');
  if (signature === undefined || signature.byteLength === 0) {
    throw new Rejection(`its layer has no signature in the annotation ${signatureAnnotation}`);
  }
  const payload = await candidate.read(limitOf(demands));
  const signer = await signerOf(payload, signature, demands);
  const document = parseSimpleSigning(payload, 'the signed document');
  if (document.digest !== digest) throw new Rejection('it is about another image');
  if (!holds(document.annotations, demands.annotations)) throw new Rejection(lacks(demands.annotations));
  const { annotations, reference } = document;
  return { format, name, signer, annotations, reference, log: 'none', payload };
}

async function judgeLegacyAttestation(
  candidate: SignatureCandidate,
  digest: Digest,
  demands: Demands,
): Promise<VerifiedSignature> {
  const { mediaType } = candidate;
  if (mediaType !== envelopeType) throw new Rejection(`its layer has the type ${clip(mediaType)}`);
  const what = 'the envelope';
  const value = parseJson(await candidate.read(limitOf(demands)), { what });
  const envelope = readEnvelope({ value, what, path: '' });
  const signer = await signerOf(signedBytes(envelope), envelope.signature, demands);
  return { signer, log: 'none', ...acceptStatement(candidate, envelope, digest, demands) };
}

async function signerOf(
  message: Uint8Array,
  signature: Uint8Array,
  { verifiers, signal }: Demands,
): Promise<string> {
  if (verifiers.length === 0) throw new Rejection('signed with a key, and none is given');
  for (const verifier of verifiers) {
    if (await verifier.verify(message, signature, { signal })) return verifier.name;
  }
  throw new Rejection(
    verifiers.length === 1
      ? 'the key has not made its signature'
      : `none of the ${verifiers.length} keys has made its signature`,
  );
}

function holds(annotations: Annotations, demanded: Annotations): boolean {
  return Object.entries(demanded).every(
    ([key, value]) => Object.hasOwn(annotations, key) && annotations[key] === value,
  );
}

function lacks(annotations: Annotations): string {
  const pairs = Object.entries(annotations).map(([key, value]) => `${key}=${value}`);
  return `it does not have the annotations ${pairs.join(', ')}`;
}

function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
