import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { errorStatus } from './error-code.ts';
import { formatNextLink } from './headers.ts';
import type { HeaderMap, HttpResponse } from './message.ts';
import type { Operation } from './operation.ts';
import { type ByteRange, formatContentRange, formatUploadRange } from './range.ts';
import { formatOperation } from './target.ts';

/** Makes an answer of the server. Old docker clients require this version header of a registry. */
export function answer(
  status: number,
  headers: HeaderMap = {},
  body: Uint8Array | AsyncIterable<Uint8Array> = new Uint8Array(0),
): HttpResponse {
  const own = { 'docker-distribution-api-version': ['registry/2.0'] };
  if (!(body instanceof Uint8Array)) return { status, headers: { ...own, ...headers }, body };
  // A 204 and a 304 have no body, and so no Content-Length.
  const length = status === 204 || status === 304 ? {} : { 'content-length': [String(body.byteLength)] };
  return { status, headers: { ...own, ...length, ...headers }, body: once(body) };
}

/** Makes an answer with a JSON body. */
export function jsonAnswer(status: number, value: unknown, headers: HeaderMap = {}): HttpResponse {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return answer(status, { 'content-type': ['application/json'], ...headers }, bytes);
}

/** Removes the body, for a HEAD. */
export function withoutBody(response: HttpResponse): HttpResponse {
  return { ...response, body: once(new Uint8Array(0)) };
}

/** Returns the entity tag of content, which is its digest. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/**
 * Answers 200 with the blob, or 206 with a part of it. The type is constant, so that no browser renders stored content
 * as a page.
 */
export function blobAnswer(
  blob: Descriptor,
  range: ByteRange | undefined,
  body?: AsyncIterable<Uint8Array>,
): HttpResponse {
  const { from, to } = range ?? { from: 0, to: blob.size };
  return answer(
    range === undefined ? 200 : 206,
    {
      ...contentHeaders(blob.digest),
      'content-type': [MediaType.octetStream],
      'content-length': [String(to - from)],
      'accept-ranges': ['bytes'],
      // The content of a digest never changes, and no proxy may transform it.
      'cache-control': ['max-age=31536000, immutable, no-transform'],
      ...(range === undefined ? {} : { 'content-range': [formatContentRange(range, blob.size)] }),
    },
    body,
  );
}

/** Answers 416 for a range beyond the blob. */
export function rangeRefused(blob: Descriptor): HttpResponse {
  return errorAnswer('RANGE_INVALID', `the blob has ${blob.size} bytes`, {
    headers: { 'content-range': [formatContentRange(undefined, blob.size)] },
  });
}

/**
 * Answers 200 with the exact bytes of a manifest and the type under which it was stored. Without `bytes` it answers a
 * HEAD.
 */
export function manifestAnswer(manifest: Descriptor, bytes?: Uint8Array): HttpResponse {
  return answer(
    200,
    {
      ...contentHeaders(manifest.digest),
      'content-type': [manifest.mediaType],
      'content-length': [String(manifest.size)],
    },
    bytes,
  );
}

/** Answers 304: the client already has the content. */
export function unchanged(digest: Digest): HttpResponse {
  return answer(304, contentHeaders(digest));
}

/** Answers 307: the bytes are at the URL, which may be valid for a short time only. */
export function redirected(digest: Digest, url: string): HttpResponse {
  return answer(307, { ...contentHeaders(digest), location: [url], 'cache-control': ['no-store'] });
}

function contentHeaders(digest: Digest): HeaderMap {
  return {
    'docker-content-digest': [digest],
    etag: [entityTag(digest)],
    'x-content-type-options': ['nosniff'],
  };
}

/** The public state of an upload session. */
export interface SessionState {
  readonly id: string;
  readonly offset: number;
  readonly limits: { readonly min?: number; readonly max?: number };
}

/** Answers with the session's state: 202 after a start or a chunk, 204 to a status request. */
export function sessionAnswer(status: 202 | 204, repository: string, session: SessionState): HttpResponse {
  return answer(status, sessionHeaders(repository, session));
}

/** Answers 416 for a chunk that is not the next one. The session keeps none of the chunk and stays open. */
export function chunkRefused(repository: string, session: SessionState): HttpResponse {
  return errorAnswer('RANGE_INVALID', `the next chunk begins at ${session.offset}`, {
    headers: sessionHeaders(repository, session),
  });
}

function sessionHeaders(repository: string, { id, offset, limits }: SessionState): HeaderMap {
  const location = locationOf({ kind: 'upload.status', repository, id });
  return {
    location: [location],
    range: [formatUploadRange(offset)],
    'docker-upload-uuid': [location.slice(location.lastIndexOf('/') + 1)],
    ...(limits.min === undefined ? {} : { 'oci-chunk-min-length': [String(limits.min)] }),
    ...(limits.max === undefined ? {} : { 'oci-chunk-max-length': [String(limits.max)] }),
  };
}

/** Answers 201 with the Location of the blob. */
export function blobCreated(repository: string, digest: Digest): HttpResponse {
  return answer(201, {
    location: [locationOf({ kind: 'blob.get', repository, digest })],
    'docker-content-digest': [digest],
  });
}

/**
 * Answers 201 with the Location of the manifest. `subject` confirms that the manifest is listed among its referrers.
 */
export function manifestCreated(
  repository: string,
  digest: Digest,
  { subject, tags = [] }: { readonly subject?: Digest | undefined; readonly tags?: readonly string[] } = {},
): HttpResponse {
  return answer(201, {
    location: [locationOf({ kind: 'manifest.get', repository, reference: digest })],
    'docker-content-digest': [digest],
    ...(subject === undefined ? {} : { 'oci-subject': [subject] }),
    ...(tags.length === 0 ? {} : { 'oci-tag': tags }),
  });
}

/** Answers 202 for a deleted blob, manifest or tag, and 204 for a cancelled upload. */
export function deleted(status: 202 | 204 = 202): HttpResponse {
  return answer(status);
}

/** Answers with a page of tags or repositories. `next` is the request for the following page. */
export function namesAnswer(body: Readonly<Record<string, unknown>>, next?: Operation): HttpResponse {
  return jsonAnswer(200, body, linkHeaders(next));
}

/** Answers with a page of referrers, which is an index. */
export function referrersAnswer(
  manifests: readonly Descriptor[],
  { filtered, next }: { readonly filtered: boolean; readonly next?: Operation },
): HttpResponse {
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
  return jsonAnswer(200, index, {
    'content-type': [MediaType.ociIndex],
    ...(filtered ? { 'oci-filters-applied': ['artifactType'] } : {}),
    ...linkHeaders(next),
  });
}

function linkHeaders(next: Operation | undefined): HeaderMap {
  return next === undefined ? {} : { link: [formatNextLink(locationOf(next))] };
}

/** Returns a relative address: the Host that a client sends must not come back in one. */
function locationOf(operation: Operation): string {
  return formatOperation(operation).target;
}

/** Makes an error answer. The status is that of the code unless the caller gives another. */
export function errorAnswer(
  code: string,
  message: string,
  {
    status = errorStatus[code] ?? 500,
    headers = {},
  }: { readonly status?: number; readonly headers?: HeaderMap } = {},
): HttpResponse {
  return jsonAnswer(status, { errors: [{ code, message }] }, headers);
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  if (bytes.byteLength > 0) yield bytes;
}
