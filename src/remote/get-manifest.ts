import { ContentError, isGantryError } from '../errors.ts';
import { collect, discard } from '../flow/collect.ts';
import { digestOf } from '../flow/hash.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import { saysKind } from '../json/manifest-type.ts';
import { signedPayload } from '../json/schema1.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest, isComputable, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isManifestType, MediaType, parseMediaType } from '../spec/media-type.ts';
import type { RawManifest, SignalOptions } from '../store/contract.ts';
import { descriptorOf, digestHeader } from '../wire/decode.ts';
import { headerValue } from '../wire/headers.ts';
import type { HttpResponse } from '../wire/message.ts';
import {
  type Answer,
  describeOperation,
  type Exchange,
  perform,
  performBodiless,
  performWhole,
} from './exchange.ts';
import { isRefusedHead } from './refused-head.ts';

/**
 * Sends one HEAD. Sends a GET, and hashes its body, if the registry refuses HEAD, omits a part of the descriptor, or names a
 * type that is no manifest type.
 */
export async function resolveManifest(
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

/** Returns the descriptor with the type in the document, or the one of the registry (`said`) if the document is no manifest. */
function typeOf(raw: RawManifest, said: Descriptor | undefined): Descriptor {
  try {
    return understood(raw).descriptor;
  } catch (error) {
    if (said !== undefined && isGantryError(error, 'MANIFEST_INVALID')) return said;
    throw error;
  }
}

/** Gets a manifest with one GET. Throws MANIFEST_UNKNOWN, MANIFEST_INVALID, DIGEST_INVALID. */
export async function demandManifest<T>(
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

/** Gets a manifest. Asks once more for bytes with another digest than the requested or announced one, and then refuses them. */
function fetchManifest<T>(
  exchange: Exchange,
  { repository, reference, accept, read }: Fetch<T>,
  options: SignalOptions,
): Promise<T | undefined> {
  const operation = { kind: 'manifest.get', repository, reference } as const;
  const ask = ({ signal }: SignalOptions) => perform(exchange, operation, accept, { ...options, signal });
  const what = describeOperation(operation, exchange.registry);
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
  // The digest of a signed schema 1 manifest is the digest of its signed part.
  const maySign = type === MediaType.schema1Signed || !saysKind(type);
  const hashed = (maySign ? signedPayload(bytes) : undefined) ?? bytes;
  const digest = verifiedDigest(hashed, asked, digestHeader(response), what);
  return { descriptor: { mediaType: type, digest, size: bytes.byteLength }, bytes };
}

/** Parses the bytes. Throws MANIFEST_INVALID with a message that begins with `what`. */
export function understood(
  { descriptor, bytes }: RawManifest,
  what = `manifest ${descriptor.digest}`,
): Manifest {
  try {
    return parseManifest(bytes, descriptor);
  } catch (error) {
    if (!(error instanceof ContentError)) throw error;
    throw new ContentError(error.code, `${what}: ${error.message}`, { cause: error });
  }
}

/**
 * Returns the digest of the bytes. Throws DIGEST_INVALID if it differs from the requested one (`asked`), or else from the one
 * that the registry announced (`said`).
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
