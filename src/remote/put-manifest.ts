import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { computableAlgorithm, type Digest, digestAlgorithm, isComputable, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { SignalOptions } from '../store/contract.ts';
import { digestHeader, subjectHeader, tagHeaders } from '../wire/decode.ts';
import type { HttpResponse } from '../wire/message.ts';
import { describeOperation, type Exchange, performBodiless } from './exchange.ts';
import { resolveManifest } from './get-manifest.ts';
import { checkStored, refusedAsUnsupported } from './stored.ts';

/** The most tags in one request. Every registry with the parameter should accept so many. */
const tagsAtOnce = 10;
/** The statuses with which registries refuse a PUT with the parameter, because they do not know it or the tags are too many. */
const tagsRefused = [400, 404, 405, 413, 414, 431];
/** The statuses with which registries refuse to move an immutable tag, and which have other meanings too. */
const maybeTaken = [400, 403, 405];
const surelyTaken = [409, 412];

/**
 * Stores the bytes under their digest or the tags. Returns whether the registry lists them among the referrers of their subject.
 * Compares each answer with the sent bytes. Throws UNSUPPORTED, DIGEST_INVALID.
 */
export async function putUnder(
  exchange: Exchange,
  repository: string,
  manifest: Manifest,
  tags: readonly string[],
  { signal }: SignalOptions,
): Promise<boolean> {
  const { tagParameters } = exchange.capabilities;
  const { digest } = manifest.descriptor;
  let listed = false;
  /** Whether the registry may have done a refused request, since an earlier answer to it was lost. */
  let isLost = false;
  const put: Putting = async (reference, { beside = [], accept = () => false } = {}) => {
    const response = await putOnce(exchange, { repository, reference, beside }, manifest, { accept, signal });
    listed ||= subjectHeader(response) !== undefined;
    return response;
  };
  const left = new Set(tags);
  // Under a tag alone, the registry would store the manifest by its sha256.
  const needsDigest = digestAlgorithm(digest) !== 'sha256';
  let byDigest = false;
  if (tags.length > 1 || (needsDigest && tags.length > 0)) {
    for (let at = 0; at < tags.length && tagParameters.mayWork(); at += tagsAtOnce) {
      const beside = tags.slice(at, at + tagsAtOnce);
      const response = await put(digest, { beside, accept: refusesTags });
      if (response.status >= 400) {
        isLost ||= response.repeated === true;
        break;
      }
      byDigest = true;
      const set = tagHeaders(response);
      tagParameters.sawConfirmed(set);
      for (const tag of set) left.delete(tag);
    }
  }
  if (tags.length === 0 || (needsDigest && !byDigest)) await put(digest);
  for (const tag of left) {
    try {
      await put(tag);
    } catch (error) {
      const leadsHere = async (): Promise<boolean> => {
        const standing = resolveManifest(exchange, repository, tag, { signal }).catch(() => undefined);
        return (await standing)?.digest === digest;
      };
      if (!isTagTaken(error, isLost) || !(await leadsHere())) throw error;
    }
  }
  return listed;
}

type Accepted = (response: HttpResponse) => boolean;

type Putting = (
  reference: string,
  options?: { readonly beside?: readonly string[]; readonly accept?: Accepted },
) => Promise<HttpResponse>;

/** With a lost answer, a refusal can also mean that the tags are set and immutable. */
function refusesTags({ status, repeated }: HttpResponse): boolean {
  if (tagsRefused.includes(status)) return true;
  return repeated === true && [...maybeTaken, ...surelyTaken].includes(status);
}

interface PutTarget {
  readonly repository: string;
  /** The digest, or a tag if the digest is stored already or a sha256. */
  readonly reference: string;
  /** Tags in the same request. */
  readonly beside: readonly string[];
}

/** Sends one PUT. Throws UNSUPPORTED if the registry cannot keep the digest, DIGEST_INVALID if it has stored other bytes. */
async function putOnce(
  exchange: Exchange,
  { repository, reference, beside }: PutTarget,
  { bytes, descriptor: { digest, mediaType } }: Manifest,
  { accept, signal }: SignalOptions & { readonly accept: Accepted },
): Promise<HttpResponse> {
  const operation = { kind: 'manifest.put', repository, reference, tags: beside } as const;
  const options = { body: bytesContent(bytes), mediaType, signal };
  const { response } = await refusedAsUnsupported(digest, () =>
    performBodiless(
      exchange,
      operation,
      (_, answer) => [201, 200, 202].includes(answer.status) || accept(answer),
      options,
    ),
  );
  const said = digestHeader(response);
  const isByDigest = isDigest(reference);
  if (response.status >= 400 || (!isByDigest && said === undefined)) return response;
  const expected = isByDigest ? digest : digestLike(said, bytes, digest);
  const what = describeOperation(operation, exchange.registry);
  const find = () => resolveManifest(exchange, repository, expected, { signal });
  await checkStored(response, { digest: expected, what, find }, { signal });
  return response;
}

/** Returns the digest of the bytes by the algorithm of the registry's answer: under a tag, the registry chooses it. */
function digestLike(said: Digest | undefined, bytes: Uint8Array, digest: Digest): Digest {
  const isAlike = said === undefined || digestAlgorithm(said) === digestAlgorithm(digest);
  return isAlike || !isComputable(said) ? digest : digestOf(bytes, computableAlgorithm(said));
}

/**
 * Returns whether the error may mean an immutable tag that leads to this manifest: ECR refuses to put it there again, and
 * after a lost answer the tag may be set by the first request (`isLost`, or the error says so).
 */
function isTagTaken(error: unknown, isLost: boolean): boolean {
  if (!isGantryError(error)) return false;
  const { code, response: { status = 0, repeated = isLost } = {} } = error;
  return code === 'TAG_INVALID' || surelyTaken.includes(status) || (repeated && maybeTaken.includes(status));
}
