import { ContentError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../spec/digest.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { Repository } from '../store/contract.ts';
import type { Upload } from '../store/upload.ts';
import { contentLength, headerValue } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { MountOperation, SessionOperation, StartOperation } from '../wire/operation.ts';
import { parseChunkRange } from '../wire/range.ts';
import { blobCreated, chunkRefused, deleted, sessionAnswer } from '../wire/reply.ts';
import type { Limits } from './limits.ts';
import type { UploadOwner } from './session-book.ts';
import type { Sessions } from './sessions.ts';

interface StartOptions {
  readonly sessions: Sessions;
  readonly limits: Limits;
  readonly owner: UploadOwner;
}

/** Starts a session. With a digest, the body is the whole blob and the upload is complete. */
export async function startUpload(
  repository: Repository,
  { digest, algorithm }: StartOperation,
  request: HttpRequest,
  { sessions, limits, owner }: StartOptions,
): Promise<HttpResponse> {
  const { name, blobs } = repository;
  const { signal } = request;
  const named = digest === undefined ? parseAlgorithm(algorithm) : computableAlgorithm(digest);
  const unanswered = digest === undefined ? signal : undefined;
  const start = (): Promise<Upload> => blobs.start({ algorithm: named, signal });
  const upload = await sessions.begin(repository, start, { owner, unanswered });
  if (digest === undefined) return sessionAnswer(202, name, upload);
  try {
    return await commit(name, upload, digest, bodyOf(request, upload, limits));
  } catch (error) {
    // No client knows this session.
    await upload.cancel().catch(() => undefined);
    throw error;
  } finally {
    sessions.end(repository, upload.id);
  }
}

/** Mounts a blob. If that is not possible, for any reason, starts a session in which the client can upload it. */
export async function mountBlob(
  repository: Repository,
  { digest, from }: MountOperation,
  { signal }: HttpRequest,
  { sessions, owner, anonymous }: Omit<StartOptions, 'limits'> & { readonly anonymous: boolean },
): Promise<HttpResponse> {
  const { name, blobs } = repository;
  const allowed = from === undefined ? anonymous : isRepositoryName(from);
  const options = { from, signal };
  const mounted = allowed ? await blobs.mount(digest, options) : undefined;
  if (mounted !== undefined) return blobCreated(name, digest);
  const start = (): Promise<Upload> => blobs.start({ digest, signal });
  const upload = await sessions.begin(repository, start, { owner, unanswered: signal });
  return sessionAnswer(202, name, upload);
}

/** Handles a request to an open session: status, append, commit or cancel. */
export async function stepUpload(
  { name }: Repository,
  upload: Upload,
  { kind, digest }: SessionOperation,
  request: HttpRequest,
  limits: Limits,
): Promise<HttpResponse> {
  switch (kind) {
    case 'upload.status':
      return sessionAnswer(204, name, upload);
    case 'upload.append':
      return append(name, upload, request, limits);
    case 'upload.commit':
      if (digest === undefined) {
        throw new ContentError(
          'DIGEST_INVALID',
          "the request that closes an upload needs the blob's digest as a parameter",
        );
      }
      return isNext(upload, request)
        ? commit(name, upload, digest, bodyOf(request, upload, limits))
        : chunkRefused(name, upload);
    case 'upload.cancel':
      await upload.cancel();
      return deleted(204);
    default:
      return kind satisfies never;
  }
}

/** Appends the next chunk, or any body without a Content-Range. */
async function append(
  name: string,
  upload: Upload,
  request: HttpRequest,
  limits: Limits,
): Promise<HttpResponse> {
  if (!isNext(upload, request)) return chunkRefused(name, upload);
  const content = bodyOf(request, upload, limits);
  if (content !== undefined) await upload.append(content, { signal: request.signal });
  return sessionAnswer(202, name, upload);
}

/**
 * Commits even if the client has gone: it finds the blob when it asks again. A body that breaks off still ends the
 * commit.
 */
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
  throw new ContentError('DIGEST_INVALID', 'only sha256 and sha512 are supported');
}

/** Returns whether the body begins at the session's offset. A body at another offset is not read. */
function isNext(upload: Upload, { headers }: HttpRequest): boolean {
  const text = headerValue(headers, 'content-range');
  return text === undefined || parseChunkRange(text)?.from === upload.offset;
}

/** Returns the body, checked against its Content-Range and the size limit for blobs, or undefined without a body. */
function bodyOf(
  { body, headers }: HttpRequest,
  { offset }: Upload,
  { blobBytes }: Limits,
): Content | undefined {
  const content = contentLength(headers) === 0 ? undefined : body;
  const range = parseChunkRange(headerValue(headers, 'content-range'));
  const room = blobBytes - offset;
  if (range === undefined) return content === undefined ? undefined : atMost(content, room);
  const length = range.to - range.from;
  if (content === undefined || (content.size ?? length) !== length) {
    throw wrongLength(length, content?.size ?? 0);
  }
  return mapContent(atMost(content, room), (source) => exactly(source, length));
}

function atMost(content: Content, room: number): Content {
  if ((content.size ?? 0) > room) throw tooLarge(room);
  // A body of known length has been checked above.
  if (content.size !== undefined || room === Number.POSITIVE_INFINITY) return content;
  return mapContent(content, async function* (source) {
    let seen = 0;
    for await (const chunk of source) {
      seen += chunk.byteLength;
      if (seen > room) throw tooLarge(room);
      yield chunk;
    }
  });
}

function tooLarge(room: number): ContentError {
  return new ContentError('TOO_LARGE', 'the blob is larger than this registry allows', { expected: room });
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
  return new ContentError(
    'SIZE_INVALID',
    `the body does not have the ${expected} bytes of its Content-Range`,
    {
      expected,
      actual,
    },
  );
}
