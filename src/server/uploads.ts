import { ContentError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../spec/digest.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { Repository, Upload } from '../store/contract.ts';
import { contentLength, headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { MountOperation, SessionOperation, StartOperation } from '../wire/operation.ts';
import { parseChunkRange } from '../wire/range.ts';
import { blobCreated, chunkRefused, deleted, sessionAnswer } from '../wire/reply.ts';

/** Begins a session; with a digest the body is the whole blob and there is nothing more to do. */
export async function startUpload(
  { name, blobs }: Repository,
  { digest, algorithm }: StartOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const named = digest === undefined ? parseAlgorithm(algorithm) : computableAlgorithm(digest);
  const upload = await blobs.start({ algorithm: named, signal: request.signal });
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
  const options = { ...(from === undefined ? {} : { from }), signal: request.signal };
  const mounted = allowed ? await blobs.mount(digest, options) : undefined;
  if (mounted !== undefined) return blobCreated(name, digest);
  const upload = await blobs.start({ algorithm: computableAlgorithm(digest), signal: request.signal });
  return sessionAnswer(202, name, upload);
}

/** What is done with a session that has begun: to ask for it, to add to it, to close it, to forget it. */
export async function stepUpload(
  { name, blobs }: Repository,
  { kind, id, digest }: SessionOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const upload = await blobs.resume(id, { signal: request.signal });
  switch (kind) {
    case 'upload.status':
      return sessionAnswer(204, name, upload);
    case 'upload.append':
      return append(name, upload, request);
    case 'upload.commit':
      if (digest === undefined) {
        throw new ContentError('DIGEST_INVALID', "an upload is closed with the blob's digest as a parameter");
      }
      return isNext(upload, request)
        ? commit(name, upload, digest, bodyOf(request))
        : chunkRefused(name, upload);
    case 'upload.cancel':
      await upload.cancel();
      return deleted(204);
    default:
      return kind satisfies never;
  }
}

/** Takes the next chunk, or without a Content-Range whatever comes. */
async function append(name: string, upload: Upload, request: HttpRequest): Promise<HttpResponse> {
  if (!isNext(upload, request)) return chunkRefused(name, upload);
  const content = bodyOf(request);
  if (content !== undefined) await upload.append(content, { signal: request.signal });
  return sessionAnswer(202, name, upload);
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

/** Whether the body belongs where the session stands; one that is in the wrong place is never read. */
function isNext(upload: Upload, { headers }: HttpRequest): boolean {
  const text = headerValue(headers, 'content-range');
  return text === undefined || parseChunkRange(text)?.from === upload.offset;
}

/** The body, exactly as long as its Content-Range says if there is one; undefined for none. */
function bodyOf({ body, headers }: HttpRequest): Content | undefined {
  const content = contentLength(headers) === 0 ? undefined : body;
  const range = parseChunkRange(headerValue(headers, 'content-range'));
  if (range === undefined) return content;
  const length = range.to - range.from;
  if (content === undefined || (content.size ?? length) !== length) {
    throw wrongLength(length, content?.size ?? 0);
  }
  return mapContent(content, (source) => exactly(source, length));
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
