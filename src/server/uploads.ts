import { ContentError, isGantryError, ResponseError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../spec/digest.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { Repository, Upload } from '../store/contract.ts';
import { contentLength, headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { MountOperation, SessionOperation, StartOperation } from '../wire/operation.ts';
import { parseChunkRange } from '../wire/range.ts';
import { blobCreated, chunkRefused, deleted, sessionAnswer } from '../wire/reply.ts';
import { signalOf } from './signal.ts';

/** Begins a session; with a digest the body is the whole blob and there is nothing more to do. */
export async function startUpload(
  { name, blobs }: Repository,
  { digest, algorithm }: StartOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const named = digest === undefined ? parseAlgorithm(algorithm) : computableAlgorithm(digest);
  const upload = await blobs.start({ algorithm: named, ...signalOf(request) });
  if (digest === undefined) return sessionAnswer(202, name, upload);
  return commit(name, upload, digest, bodyOf(request));
}

/** Links a blob; where that can't be, for whatever reason, a session begins in which the client can send it. */
export async function mountBlob(
  { name, blobs }: Repository,
  { digest, from }: MountOperation,
  request: HttpRequest,
  { anonymous }: { readonly anonymous: boolean },
): Promise<HttpResponse> {
  const allowed = from === undefined ? anonymous : isRepositoryName(from);
  const options = { ...(from === undefined ? {} : { from }), ...signalOf(request) };
  const mounted = allowed ? await blobs.mount(digest, options) : undefined;
  if (mounted !== undefined) return blobCreated(name, digest);
  const upload = await blobs.start({ algorithm: computableAlgorithm(digest), ...signalOf(request) });
  return sessionAnswer(202, name, upload);
}

export async function uploadStatus(
  { name, blobs }: Repository,
  { id }: SessionOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  return sessionAnswer(204, name, await blobs.resume(id, signalOf(request)));
}

/** Takes the next chunk, or without a Content-Range whatever comes. */
export async function appendUpload(
  { name, blobs }: Repository,
  { id }: SessionOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const upload = await blobs.resume(id, signalOf(request));
  return inOrder(name, upload, async () => {
    const content = placed(upload, request);
    if (content !== undefined) await upload.append(content, signalOf(request));
    return sessionAnswer(202, name, upload);
  });
}

/** Takes the last chunk, if there is one, and keeps the blob. */
export async function commitUpload(
  { name, blobs }: Repository,
  { id, digest }: SessionOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const upload = await blobs.resume(id, signalOf(request));
  if (digest === undefined) {
    throw new ContentError('DIGEST_INVALID', "an upload is closed with the blob's digest as a parameter");
  }
  return inOrder(name, upload, () => commit(name, upload, digest, placed(upload, request)));
}

export async function cancelUpload({ blobs }: Repository, { id }: SessionOperation): Promise<HttpResponse> {
  const upload = await blobs.resume(id);
  await upload.cancel();
  return deleted(204);
}

/** Goes on when the client goes away: it finds the blob when it asks again. A body that breaks off ends it all the same. */
async function commit(
  name: string,
  upload: Upload,
  digest: Digest,
  content: Content | undefined,
): Promise<HttpResponse> {
  await upload.commit(digest, content);
  return blobCreated(name, digest);
}

function parseAlgorithm(text = 'sha256'): Algorithm {
  if (text === 'sha256' || text === 'sha512') return text;
  throw new ContentError('DIGEST_INVALID', 'digests are computed by sha256 and sha512 only');
}

function bodyOf({ body, headers }: HttpRequest): Content | undefined {
  return contentLength(headers) === 0 ? undefined : body;
}

/**
 * The body as the chunk that its Content-Range says it is. The order is checked at once, so that a body in the wrong place
 * is never read, and again when the store opens it: only then is the session this request's alone.
 */
function placed(upload: Upload, request: HttpRequest): Content | undefined {
  const body = bodyOf(request);
  const text = headerValue(request.headers, 'content-range');
  if (text === undefined) return body;
  const range = parseChunkRange(text);
  if (range === undefined) throw outOfOrder(upload);
  const length = range.to - range.from;
  const check = (): void => {
    if (range.from !== upload.offset) throw outOfOrder(upload);
  };
  check();
  if (body === undefined || (body.size ?? length) !== length) throw wrongLength(length, body?.size ?? 0);
  return mapContent(body, (source) => {
    check();
    return exactly(source, length);
  });
}

async function* exactly(source: AsyncIterable<Uint8Array>, length: number): AsyncIterable<Uint8Array> {
  let seen = 0;
  for await (const chunk of source) {
    seen += chunk.byteLength;
    if (seen > length) throw wrongLength(length, seen);
    yield chunk;
  }
  if (seen < length) throw wrongLength(length, seen);
}

function wrongLength(expected: number, actual: number): ContentError {
  return new ContentError('SIZE_INVALID', `the body is not the ${expected} bytes of its Content-Range`, {
    expected,
    actual,
  });
}

function outOfOrder({ offset }: Upload): ResponseError {
  return new ResponseError('RANGE_INVALID', `the next chunk begins at ${offset}`);
}

/** Tells a client whose chunk is not the next one where the session stands. */
async function inOrder(
  name: string,
  upload: Upload,
  step: () => Promise<HttpResponse>,
): Promise<HttpResponse> {
  try {
    return await step();
  } catch (error) {
    if (isGantryError(error, 'RANGE_INVALID')) return chunkRefused(name, upload);
    throw error;
  }
}
