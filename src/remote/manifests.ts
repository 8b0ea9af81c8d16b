import { AuthError, ContentError, isGantryError, NotFoundError } from '../errors.ts';
import { collect, discard } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { saysKind } from '../json/manifest-type.ts';
import { signedPayload } from '../json/schema1.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest, digestAlgorithm, isComputable, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isManifestType, MediaType, parseMediaType } from '../spec/media-type.ts';
import { checkBytes, checkTags, refuseCreateOnly } from '../store/admission.ts';
import type { Manifests, RawManifest, SignalOptions } from '../store/contract.ts';
import { referrerEntry, subjectOf } from '../store/referrers.ts';
import { descriptorOf, digestHeader, subjectHeader, tagHeaders } from '../wire/decode.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpResponse } from '../wire/message.ts';
import {
  type Answer,
  describe,
  type Exchange,
  isDeleted,
  perform,
  performBodiless,
  performWhole,
} from './exchange.ts';
import { hasReferrersApi } from './referrers.ts';
import { isRefusedHead } from './refused-head.ts';
import { checkStored, refusedAsUnsupported } from './stored.ts';
import type { ListChange } from './subject.ts';

// Few manifests have a subject.
const listing = () => import('./subject.ts');

export function remoteManifests(exchange: Exchange, repository: string): Manifests {
  return {
    resolve: (reference, options) => resolve(exchange, repository, reference, options),

    get: (reference, options) => demand(exchange, repository, reference, understood, options),

    getRaw: (reference, options) => demand(exchange, repository, reference, (raw) => raw, options),

    async put(manifest, options = {}) {
      const { tags = [], signal } = options;
      refuseCreateOnly(`${exchange.registry}/${repository}`, options);
      // Put under a tag, a registry can't know what the bytes were meant to be.
      checkBytes(manifest);
      checkTags(tags);
      const listed = await putUnder(exchange, repository, manifest, [...new Set(tags)], { signal }).catch(
        (error: unknown) => {
          if (isGantryError(error, 'MANIFEST_BLOB_UNKNOWN')) exchange.learned.arrivals.forget(repository);
          throw error;
        },
      );
      const subject = subjectOf(manifest);
      if (subject === undefined) return;
      if (listed) exchange.learned.referrersApi = true;
      else if (await hasReferrersApi(exchange, repository, subject, { signal })) return;
      else {
        const { digest } = manifest.descriptor;
        await list(exchange, repository, subject, { digest, entry: referrerEntry(manifest) }, { signal });
      }
    },

    async delete(digest, options) {
      const subject = await subjectToTell(exchange, repository, digest, options);
      const operation = { kind: 'manifest.delete', repository, reference: digest } as const;
      const { response } = await performBodiless(exchange, operation, [202, 200, 204, 404], options);
      if (subject !== undefined) {
        await list(exchange, repository, subject, { digest }, options);
      }
      return isDeleted(response);
    },
  };
}

/**
 * Changes the list of a subject. The referrer itself is stored, or gone, by now: a list that is never read as it was written,
 * where a registry answers from a cache or others keep overwriting it, is told as a warning.
 */
async function list(
  exchange: Exchange,
  repository: string,
  subject: Digest,
  change: ListChange,
  options: SignalOptions = {},
): Promise<void> {
  try {
    await (await listing()).changeList(exchange, repository, subject, change, options);
  } catch (error) {
    if (!isGantryError(error, 'UNEXPECTED_ANSWER')) throw error;
    const done = change.entry === undefined ? 'deleted' : 'stored';
    exchange.warn?.(
      `${change.digest} is ${done}, but the list of referrers may not say so yet: ${error.message}`,
    );
  }
}

/** As many as every registry should take that knows the parameter. */
const tagsAtOnce = 10;
/** How a PUT with tags is refused by registries that don't know what it is, or have enough of it. */
const tagsRefused = [400, 404, 405, 413, 414, 431];

/**
 * Stores the bytes under their digest or the tags; answers whether the registry lists them among their subject's referrers.
 * Each answer is compared with what was sent.
 */
async function putUnder(
  exchange: Exchange,
  repository: string,
  manifest: Manifest,
  tags: readonly string[],
  { signal }: SignalOptions,
): Promise<boolean> {
  const { learned } = exchange;
  const { digest } = manifest.descriptor;
  let listed = false;
  const put: Putting = async (reference, { beside = [], accept = [] } = {}) => {
    const response = await putOnce(exchange, { repository, reference, beside }, manifest, { accept, signal });
    listed ||= subjectHeader(response) !== undefined;
    return response;
  };
  const left = new Set(tags);
  // Under a tag alone it would be there by its sha256.
  const needsDigest = digestAlgorithm(digest) !== 'sha256';
  let byDigest = false;
  if (tags.length > 1 || (needsDigest && tags.length > 0)) {
    for (let at = 0; at < tags.length && learned.tagParameters !== false; at += tagsAtOnce) {
      const beside = tags.slice(at, at + tagsAtOnce);
      const response = await put(digest, { beside, accept: tagsRefused });
      if (response.status >= 400) break;
      byDigest = true;
      const set = tagHeaders(response);
      learned.tagParameters = set.length > 0;
      for (const tag of set) left.delete(tag);
    }
  }
  if (tags.length === 0 || (needsDigest && !byDigest)) await put(digest);
  for (const tag of left) {
    try {
      await put(tag);
    } catch (error) {
      if (!isTagTaken(error) || (await resolve(exchange, repository, tag, { signal }))?.digest !== digest) {
        throw error;
      }
    }
  }
  return listed;
}

type Putting = (
  reference: string,
  options?: { readonly beside?: readonly string[]; readonly accept?: readonly number[] },
) => Promise<HttpResponse>;

interface PutTarget {
  readonly repository: string;
  /** The digest, or a tag where that is there already or a sha256. */
  readonly reference: string;
  /** Tags in the same request. */
  readonly beside: readonly string[];
}

/** One PUT. Throws UNSUPPORTED where the registry doesn't keep the digest, DIGEST_INVALID where it has kept other bytes. */
async function putOnce(
  exchange: Exchange,
  { repository, reference, beside }: PutTarget,
  { bytes, descriptor: { digest, mediaType } }: Manifest,
  { accept, signal }: SignalOptions & { readonly accept: readonly number[] },
): Promise<HttpResponse> {
  const operation = { kind: 'manifest.put', repository, reference, tags: beside } as const;
  const options = { body: bytesContent(bytes), mediaType, signal };
  const { response } = await refusedAsUnsupported(digest, () =>
    performBodiless(exchange, operation, [201, 200, 202, ...accept], options),
  );
  const said = digestHeader(response);
  const isByDigest = isDigest(reference);
  if (response.status >= 400 || (!isByDigest && said === undefined)) return response;
  const expected = isByDigest ? digest : digestLike(said, bytes, digest);
  const what = describe(operation, exchange.registry);
  const find = () => resolve(exchange, repository, expected, { signal });
  await checkStored(response, { digest: expected, what, find }, { signal });
  return response;
}

/** Put under a tag, the bytes are hashed as the registry is used to. */
function digestLike(said: Digest | undefined, bytes: Uint8Array, digest: Digest): Digest {
  const isAlike = said === undefined || digestAlgorithm(said) === digestAlgorithm(digest);
  return isAlike || !isComputable(said) ? digest : digestOf(bytes, computableAlgorithm(said));
}

/** A tag that must stay what it is. ECR says so, too, of what it is already. */
function isTagTaken(error: unknown): boolean {
  if (!isGantryError(error)) return false;
  return error.code === 'TAG_INVALID' || error.response?.status === 409 || error.response?.status === 412;
}

/**
 * Whose fallback tag lists the manifest that is about to be deleted, which only its bytes can say. Where the registry
 * keeps the list itself, which it is asked once, nothing is read. What can't be read can be deleted all the same.
 */
async function subjectToTell(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  options: SignalOptions = {},
): Promise<Digest | undefined> {
  try {
    if (exchange.learned.referrersApi === true) return undefined;
    if (await hasReferrersApi(exchange, repository, digest, options)) return undefined;
    return subjectOf(await demand(exchange, repository, digest, understood, options));
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof ContentError || error instanceof NotFoundError || error instanceof AuthError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * One HEAD. Registries that refuse it, leave out of its answer something that a descriptor needs, or give it
 * another type than a manifest's, are asked with a GET whose body is hashed.
 */
async function resolve(
  exchange: Exchange,
  repository: string,
  reference: string,
  options: SignalOptions = {},
): Promise<Descriptor | undefined> {
  const operation = { kind: 'manifest.head', repository, reference } as const;
  const { request, response } = await performBodiless(
    exchange,
    operation,
    (asked, answer) => [200, 404].includes(answer.status) || isRefusedHead(asked, answer),
    options,
  );
  if (response.status === 404 && !isRefusedHead(request, response)) return undefined;
  const asked = isDigest(reference) ? { digest: reference } : {};
  const said = response.status === 200 ? descriptorOf(response, asked) : undefined;
  if (said !== undefined && isManifestType(said.mediaType)) return said;
  const read = (raw: RawManifest) => typeOf(raw, said);
  return fetchManifest(exchange, { repository, reference, accept: [200, 404], read }, options);
}

/** The descriptor with the type by the document. A question is answered for a document, too, that is no manifest. */
function typeOf(raw: RawManifest, said: Descriptor | undefined): Descriptor {
  try {
    return understood(raw).descriptor;
  } catch (error) {
    if (said !== undefined && isGantryError(error, 'MANIFEST_INVALID')) return said;
    throw error;
  }
}

async function demand<T>(
  exchange: Exchange,
  repository: string,
  reference: string,
  read: (raw: RawManifest, what: string) => T,
  options: SignalOptions = {},
): Promise<T> {
  const manifest = await fetchManifest(exchange, { repository, reference, accept: [200], read }, options);
  if (manifest !== undefined) return manifest;
  throw new ContentError('MANIFEST_INVALID', `${repository}: no manifest ${reference}`);
}

interface Fetch<T> {
  readonly repository: string;
  readonly reference: string;
  readonly accept: readonly number[];
  readonly read: (raw: RawManifest, what: string) => T;
}

/** Bytes that are not what was asked for, or what the registry says they are, are fetched once more and then refused. */
function fetchManifest<T>(
  exchange: Exchange,
  { repository, reference, accept, read }: Fetch<T>,
  options: SignalOptions,
): Promise<T | undefined> {
  const operation = { kind: 'manifest.get', repository, reference } as const;
  const ask = () => perform(exchange, operation, accept, options);
  const what = describe(operation, exchange.registry);
  const readAnswer = async ({ response }: Pick<Answer, 'response'>): Promise<T | undefined> => {
    const raw = await readManifest(response, { reference, what });
    return raw === undefined ? undefined : read(raw, what);
  };
  return performWhole(exchange, ask, readAnswer, options);
}

async function readManifest(
  response: HttpResponse,
  { reference, what }: { readonly reference: string; readonly what: string },
): Promise<RawManifest | undefined> {
  if (response.status === 404) {
    await discard(response.body);
    return undefined;
  }
  const type = parseMediaType(headerValue(response.headers, 'content-type') ?? '');
  const bytes = await collect(response.body, { limit: manifestLimit, what });
  const asked = isDigest(reference) ? reference : undefined;
  // The digest of a signed schema 1 manifest is that of the part that was signed.
  const maySign = type === MediaType.schema1Signed || !saysKind(type);
  const hashed = (maySign ? signedPayload(bytes) : undefined) ?? bytes;
  const digest = verifiedDigest(hashed, asked, digestHeader(response), what);
  return { descriptor: { mediaType: type, digest, size: bytes.byteLength }, bytes };
}

function understood({ descriptor, bytes }: RawManifest, what = `manifest ${descriptor.digest}`): Manifest {
  try {
    return parseManifest(bytes, descriptor);
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    throw new ContentError(error.code, `${what}: ${error.message}`, { cause: error });
  }
}

/**
 * The digest of the bytes. Asked for by digest they must have it; asked for by tag, what the registry says of them
 * must be true. Throws DIGEST_INVALID.
 */
function verifiedDigest(
  bytes: Uint8Array,
  asked: Digest | undefined,
  said: Digest | undefined,
  what: string,
): Digest {
  const expected = asked ?? (said !== undefined && isComputable(said) ? said : undefined);
  if (expected === undefined) return digestOf(bytes);
  const actual = digestOf(bytes, computableAlgorithm(expected));
  if (actual === expected) return actual;
  throw new ContentError('DIGEST_INVALID', `${what}: the bytes have digest ${actual}, not ${expected}`, {
    expected,
    actual,
  });
}
