import { isGantryError, type RejectedSignature } from '../errors.ts';
import { collectContent } from '../flow/collect.ts';
import { createSemaphore } from '../flow/semaphore.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { ImageManifest } from '../spec/manifest.ts';
import { referrersTag } from '../spec/referrers-tag.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { isBundleType } from './bundle.ts';
import { Rejection, rejectionOf } from './rejection.ts';

/** The formats of signatures. `legacy` is that of cosign before version 3, under a tag. */
export type SignatureFormat = 'bundle' | 'legacy' | 'notation';

/** Content that claims to be a signature of an image. Nothing of it is verified. */
export interface SignatureCandidate {
  readonly format: SignatureFormat;
  /** The digest of the content. */
  readonly name: Digest;
  readonly mediaType: string;
  /** The annotations of the layer, where the legacy format has its signature. */
  readonly annotations: Annotations;
  /** @throws Rejection for content above the limit, and the errors of the place */
  read(limit: number): Promise<Uint8Array>;
}

/** All candidates of an image. */
export interface Candidates {
  readonly found: readonly SignatureCandidate[];
  /** Listed signatures that cannot be read. */
  readonly rejected: readonly RejectedSignature[];
  /** Errors of the place, which may hide a signature. */
  readonly failures: readonly unknown[];
  /** True if there are more than gantry looks at. */
  readonly more: boolean;
}

/** More signatures than an honest image has; each costs two requests. */
export const mostCandidates = 100;
/** The number of candidates that gantry reads at once. */
export const atOnce = 8;

const notationTypes: readonly string[] = ['application/jose+json', 'application/cose'];

/**
 * Finds the candidates of all formats at once: referrers, by their manifests, since the list of referrers is unsigned and
 * often wrong; and the layers under cosign's tag of this kind.
 * @throws the errors of the place for the lists themselves
 */
export async function findCandidates(
  from: Repository,
  digest: Digest,
  kind: 'sig' | 'att',
  { signal }: SignalOptions,
): Promise<Candidates> {
  const [listed, tagged] = await Promise.all([
    listReferrers(from, digest, { signal }),
    taggedCandidates(from, `${referrersTag(digest)}.${kind}`, { signal }),
  ]);
  const gate = createSemaphore(atOnce);
  const read = await Promise.all(
    listed.referrers.map(async (referrer) => {
      const permit = await gate.acquire(1, { signal });
      try {
        return await referredCandidate(from, referrer, { signal });
      } catch (error) {
        signal?.throwIfAborted();
        const reason = rejectionOf(error);
        if (reason === undefined) return { failures: [error] };
        return { rejected: [{ format: 'unknown', name: referrer.digest, reason }] };
      } finally {
        permit.release();
      }
    }),
  );
  const parts: readonly Partial<Candidates>[] = [...read, tagged];
  return {
    found: parts.flatMap(({ found = [] }) => found),
    rejected: parts.flatMap(({ rejected = [] }) => rejected),
    failures: parts.flatMap(({ failures = [] }) => failures),
    more: listed.more || tagged.more,
  };
}

async function listReferrers(
  from: Repository,
  digest: Digest,
  { signal }: SignalOptions,
): Promise<{ readonly referrers: readonly Descriptor[]; readonly more: boolean }> {
  const referrers: Descriptor[] = [];
  for await (const referrer of from.referrers(digest, { signal })) {
    if (referrers.length === mostCandidates) return { referrers, more: true };
    referrers.push(referrer);
  }
  return { referrers, more: false };
}

/** Reads the manifest of a referrer. The types of its layers tell the format, since types of artifacts are often wrong. */
async function referredCandidate(
  from: Repository,
  { digest }: Descriptor,
  { signal }: SignalOptions,
): Promise<Partial<Candidates>> {
  const { body } = await from.manifests.get(digest, { signal });
  if (body.kind !== 'image') return {};
  const format = formatOf(body);
  if (format === undefined) return {};
  const [layer, ...others] = body.layers;
  if (layer === undefined || others.length > 0) {
    throw new Rejection(`its manifest has ${body.layers.length} layers: a signature has one`);
  }
  return { found: [candidateOf(from, format, layer, { signal })] };
}

function formatOf({ layers }: ImageManifest): SignatureFormat | undefined {
  if (layers.some(({ mediaType }) => isBundleType(mediaType))) return 'bundle';
  return layers.some(({ mediaType }) => notationTypes.includes(mediaType)) ? 'notation' : undefined;
}

async function taggedCandidates(
  from: Repository,
  tag: string,
  { signal }: SignalOptions,
): Promise<Pick<Candidates, 'found' | 'more'>> {
  const layers = await taggedLayers(from, tag, { signal });
  const found = layers
    .slice(0, mostCandidates)
    .map((layer) => candidateOf(from, 'legacy', layer, { signal }));
  return { found, more: layers.length > mostCandidates };
}

async function taggedLayers(
  from: Repository,
  tag: string,
  { signal }: SignalOptions,
): Promise<readonly Descriptor[]> {
  try {
    const { body } = await from.manifests.get(tag, { signal });
    return body.kind === 'image' ? body.layers : [];
  } catch (error) {
    if (isGantryError(error, 'MANIFEST_UNKNOWN') || isGantryError(error, 'NAME_UNKNOWN')) return [];
    throw error;
  }
}

function candidateOf(
  from: Repository,
  format: SignatureFormat,
  layer: Descriptor,
  { signal }: SignalOptions,
): SignatureCandidate {
  const { digest: name, mediaType, annotations = {} } = layer;
  return {
    format,
    name,
    mediaType,
    annotations,
    read: (limit) => {
      if (layer.size > limit) throw new Rejection(`it has ${layer.size} bytes, more than ${limit}`);
      return collectContent(from.blobs.open(layer), { limit, what: `signature ${name}`, signal });
    },
  };
}
