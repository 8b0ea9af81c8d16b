import type { Content } from '../flow/content.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType, manifestAccept } from '../spec/media-type.ts';
import type { HeaderMap, HttpRequest } from './message.ts';
import type { Operation } from './operation.ts';
import { formatChunkRange, formatRange } from './range.ts';
import { formatOperation } from './target.ts';

export interface EncodeOptions {
  /** Added to the headers that the operation has by itself, or in place of them. */
  readonly headers?: HeaderMap;
  /** The manifest of a `manifest.put`, or the whole blob of an `upload.start` with a digest. */
  readonly body?: Content;
  /** The type of a `manifest.put`'s body. */
  readonly mediaType?: string;
  /** The part of a blob to read, `to` being one past the last byte. */
  readonly range?: { readonly from: number; readonly to?: number };
  readonly scopes?: readonly string[];
  readonly answerWithin?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The request of an operation at the registry whose root is `base` (`https://ghcr.io`, without a slash at its end). */
export function encode(operation: Operation, base: string, options: EncodeOptions = {}): HttpRequest {
  const { method, target } = formatOperation(operation);
  const { headers, body, mediaType, range, ...rest } = options;
  return {
    method,
    url: base + target,
    headers: {
      ...ownHeaders(operation),
      ...(range === undefined ? {} : { range: [formatRange(range)] }),
      ...(mediaType === undefined ? {} : { 'content-type': [mediaType] }),
      ...bodyHeaders(method, body),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
    // Starting an upload twice leaves a session behind: only the upload itself knows whether that is worth it.
    replay: method === 'POST' || body?.replayable === false ? 'never' : 'safe',
    ...rest,
  };
}

function ownHeaders(operation: Operation): HeaderMap {
  switch (operation.kind) {
    case 'manifest.get':
    case 'manifest.head':
      // Without it distribution says 404 to an OCI manifest, and Docker Hub may answer in schema 1.
      return { ...identity, accept: [manifestAccept.join(', ')] };
    case 'referrers':
      return { ...identity, accept: [MediaType.ociIndex] };
    case 'upload.start':
      return operation.digest === undefined ? {} : octetStream;
    case 'ping':
    case 'catalog':
    case 'tags.list':
    case 'blob.get':
    case 'blob.head':
    case 'upload.status':
      return identity;
    default:
      return {};
  }
}

/** A proxy on the way that compresses would change the bytes that a digest is of. */
const identity: HeaderMap = { 'accept-encoding': ['identity'] };
const octetStream: HeaderMap = { 'content-type': ['application/octet-stream'] };

function bodyHeaders(method: string, body: Content | undefined): HeaderMap {
  const size = body === undefined && (method === 'POST' || method === 'PUT') ? 0 : body?.size;
  return size === undefined ? {} : { 'content-length': [String(size)] };
}

/** One step of an upload that has begun. `from`: where in the blob the content belongs, said as its Content-Range. */
export type UploadStep =
  | { readonly kind: 'status' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'append'; readonly content: Content; readonly from?: number }
  | {
      readonly kind: 'commit';
      readonly digest: Digest;
      readonly content?: Content;
      readonly from?: number;
    };

export type UploadRequestOptions = Pick<EncodeOptions, 'headers' | 'scopes' | 'answerWithin' | 'signal'>;

/** The request of a step, at the newest Location, of which no byte is changed. Status and cancel may be repeated, nothing else. */
export function uploadRequest(
  step: UploadStep,
  location: string,
  { headers, ...rest }: UploadRequestOptions = {},
): HttpRequest {
  if (step.kind === 'status' || step.kind === 'cancel') {
    const method = step.kind === 'status' ? 'GET' : 'DELETE';
    return { method, url: location, headers: { ...identity, ...headers }, replay: 'safe', ...rest };
  }
  const { content, from } = step;
  const method = step.kind === 'append' ? 'PATCH' : 'PUT';
  const range =
    from === undefined || content?.size === undefined
      ? undefined
      : formatChunkRange({ from, to: from + content.size });
  return {
    method,
    url: step.kind === 'append' ? location : withDigest(location, step.digest),
    headers: {
      ...(content === undefined ? {} : octetStream),
      ...bodyHeaders(method, content),
      ...(range === undefined ? {} : { 'content-range': [range] }),
      ...headers,
    },
    ...(content === undefined ? {} : { body: content }),
    replay: 'never',
    ...rest,
  };
}

/** The Location with the digest added, byte for byte: a query that is parsed and written again breaks signatures and `_state`. */
export function withDigest(location: string, digest: Digest): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}
