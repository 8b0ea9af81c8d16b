import { parseJson } from '../json/parse.ts';
import type { Digest } from '../spec/digest.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { parseBundle } from './bundle.ts';
import { findCandidates, type SignatureCandidate } from './candidates.ts';
import { type Envelope, readEnvelope } from './envelope.ts';
import { mostBytes } from './judge.ts';
import { signaturePredicate } from './predicate-types.ts';
import { rejectionOf } from './rejection.ts';
import { parseStatement, subjectsNaming } from './statement.ts';

/** An attestation of an image. Nobody has verified it. */
export interface ListedAttestation {
  /** The digest of the attestation's content. */
  readonly name: Digest;
  /** `bundle` for a referrer, `legacy` for a layer under cosign's tag. */
  readonly format: 'bundle' | 'legacy';
  /** The type of the predicate, as the statement gives it. */
  readonly predicateType: string;
}

/** Lists the attestations of an image by their statements. Leaves out content that cannot be read, and statements about other images. */
export async function listAttestations(
  from: Repository,
  digest: Digest,
  { signal }: SignalOptions,
): Promise<readonly ListedAttestation[]> {
  const { found, failures } = await findCandidates(from, digest, 'att', { signal });
  const [failure] = failures;
  if (failure !== undefined) throw failure;
  const listed: ListedAttestation[] = [];
  // One after the other, since each may be an SBOM of many megabytes.
  for (const candidate of found) {
    const statement = await statementOf(candidate);
    if (statement === undefined || subjectsNaming(statement, digest).length === 0) continue;
    const { predicateType } = statement;
    const { name, format } = candidate;
    if (format === 'notation' || predicateType === signaturePredicate) continue;
    listed.push({ name, format, predicateType });
  }
  return listed;
}

async function statementOf(
  candidate: SignatureCandidate,
): Promise<ReturnType<typeof parseStatement> | undefined> {
  try {
    const envelope = await envelopeOf(candidate);
    return envelope === undefined ? undefined : parseStatement(envelope.payload, 'the statement');
  } catch (error) {
    if (rejectionOf(error) !== undefined) return undefined;
    throw error;
  }
}

async function envelopeOf(candidate: SignatureCandidate): Promise<Envelope | undefined> {
  if (candidate.format === 'notation') return undefined;
  const bytes = await candidate.read(mostBytes.attestation);
  if (candidate.format === 'bundle') return parseBundle(bytes, 'the bundle').envelope;
  const what = 'the envelope';
  return readEnvelope({ value: parseJson(bytes, { what }), what, path: '' });
}
