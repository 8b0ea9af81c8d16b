import type { Content, OpenOptions } from '../flow/content.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType, manifestAccept } from '../spec/media-type.ts';
import type { HeaderMap, HttpRequest } from './message.ts';
import type { Operation } from './operation.ts';
import { formatChunkRange, formatRange } from './range.ts';
import { formatOperation } from './target.ts';

export interface EncodeOptions {
  /** These headers are added to those of the operation and win over them. */
  readonly headers?: HeaderMap | undefined;
  /** The manifest of a `manifest.put`, or the whole blob of an `upload.start` with a digest. */
  readonly body?: Content | undefined;
  /** The media type of the body of a `manifest.put`. */
  readonly mediaType?: string | undefined;
  /** The part of a blob to read; `to` is one past the last byte. */
  readonly range?: { readonly from: number; readonly to?: number } | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly answerWithin?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly offer?: OpenOptions['offer'];
}

/**
 * Makes the request of an operation. `base` is the root of the registry, such as `https://ghcr.io`, without a slash at
 * its end.
 */
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
    body,
    // A repeated start leaves an unused session behind. Only the upload knows whether that is worth it.
    replay: method === 'POST' || body?.replayable === false ? 'never' : 'safe',
    ...rest,
  };
}

function ownHeaders(operation: Operation): HeaderMap {
  switch (operation.kind) {
    case 'manifest.get':
    case 'manifest.head':
      // Without Accept, distribution answers 404 for an OCI manifest, and Docker Hub may answer in schema 1.
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
    case 'upload.mount':
    case 'upload.append':
    case 'upload.commit':
    case 'upload.cancel':
    case 'blob.delete':
    case 'manifest.put':
    case 'manifest.delete':
      return {};
    default:
      return operation satisfies never;
  }
}

/** A compressing proxy would change the bytes, so that they no longer match the digest. */
const identity: HeaderMap = { 'accept-encoding': ['identity'] };
const octetStream: HeaderMap = { 'content-type': ['application/octet-stream'] };

function bodyHeaders(method: string, body: Content | undefined): HeaderMap {
  const size = body === undefined && (method === 'POST' || method === 'PUT') ? 0 : body?.size;
  return size === undefined ? {} : { 'content-length': [String(size)] };
}

/**
 * One step of an upload that has begun. `from` is the position of the content in the blob and becomes its
 * Content-Range.
 */
export type UploadStep =
  | { readonly kind: 'status' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'append'; readonly content: Content; readonly from?: number | undefined }
  | {
      readonly kind: 'commit';
      readonly digest: Digest;
      readonly content?: Content | undefined;
      readonly from?: number | undefined;
    };

export type UploadRequestOptions = Pick<EncodeOptions, 'headers' | 'scopes' | 'answerWithin' | 'signal'>;

/** Makes the request of a step. Keeps the newest Location byte for byte. Only status and cancel may be repeated. */
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
    body: content,
    replay: 'never',
    ...rest,
  };
}

/**
 * Appends the digest to the Location, byte for byte: parsing and rewriting the query would break signatures and
 * `_state`.
 */
export function withDigest(location: string, digest: Digest): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}
