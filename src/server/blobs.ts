import { NotFoundError } from '../errors.ts';
import type { Repository } from '../store/contract.ts';
import { headerLines, headerValue, matchesEntityTag } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { BlobOperation } from '../wire/operation.ts';
import { parseRange } from '../wire/range.ts';
import { blobAnswer, deleted, entityTag, rangeRefused, redirected, unchanged } from '../wire/reply.ts';

/**
 * Answers with the blob or the requested part of it. Redirects a GET to the place that serves the bytes, if the store names
 * one; the client sends its Range there again. A HEAD opens nothing.
 */
export async function getBlob(
  { name, blobs }: Repository,
  { kind, digest }: BlobOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { headers, signal } = request;
  const known = matchesEntityTag(headerLines(headers, 'if-none-match'), entityTag(digest));
  const url = kind === 'blob.get' && !known ? await blobs.locate?.(digest, { signal }) : undefined;
  if (url !== undefined) return redirected(digest, url);
  const reading = kind === 'blob.get' && !known && headerValue(headers, 'range') === undefined;
  const blob =
    reading && blobs.statToRead !== undefined
      ? await blobs.statToRead(digest, { signal })
      : await blobs.stat(digest, { signal });
  if (blob === undefined) throw new NotFoundError('BLOB_UNKNOWN', `${name} has no blob ${digest}`);
  if (known) return unchanged(digest);
  if (kind === 'blob.head') return blobAnswer(blob, undefined);
  const condition = headerValue(headers, 'if-range');
  const asked = condition === undefined || condition === entityTag(digest);
  const range = parseRange(asked ? headerValue(headers, 'range') : undefined, blob.size);
  if (range === 'unsatisfiable') return rangeRefused(blob);
  return blobAnswer(blob, range, await begun(blobs.open(blob).open({ ...range, signal })));
}

/**
 * Reads the first chunk of the source, so that an unreadable blob is answered with a status and not with a broken
 * connection.
 */
async function begun(source: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const chunks = source[Symbol.asyncIterator]();
  const first = await chunks.next();
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (let next = first; next.done !== true; next = await chunks.next()) yield next.value;
      } finally {
        await chunks.return?.();
      }
    },
  };
}

export async function deleteBlob(
  { name, blobs }: Repository,
  { digest }: BlobOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  if (await blobs.delete(digest, { signal: request.signal })) return deleted();
  throw new NotFoundError('BLOB_UNKNOWN', `${name} has no blob ${digest}`);
}
