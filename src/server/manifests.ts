import { ContentError, NotFoundError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { emptyContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { checkDigest } from '../flow/verify.ts';
import { parseManifest } from '../json/manifest.ts';
import { saysKind } from '../json/manifest-type.ts';
import { computableAlgorithm, type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType, parseMediaType } from '../spec/media-type.ts';
import { isServedType } from '../store/admission.ts';
import type { Repository } from '../store/contract.ts';
import { contentLength, headerLines, headerValue, matchesEntityTag } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { ManifestOperation, PutManifestOperation } from '../wire/operation.ts';
import { deleted, entityTag, manifestAnswer, manifestCreated, unchanged } from '../wire/reply.ts';
import type { Limits } from './limits.ts';

/**
 * Answers with the exact bytes of the manifest and the type from its push. Ignores the Accept header, because only one
 * form exists.
 */
export async function getManifest(
  { name, manifests }: Repository,
  { kind, reference }: ManifestOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const descriptor = await manifests.resolve(reference, { signal: request.signal });
  if (descriptor === undefined) throw unknown(name, reference);
  const { digest } = descriptor;
  if (matchesEntityTag(headerLines(request.headers, 'if-none-match'), entityTag(digest))) {
    return unchanged(digest);
  }
  if (kind === 'manifest.head') return manifestAnswer(descriptor);
  // Reads by digest, since the tag may have moved meanwhile.
  const manifest = await manifests.get(digest, { signal: request.signal });
  return manifestAnswer(manifest.descriptor, manifest.bytes);
}

export async function putManifest(
  { name, manifests }: Repository,
  { reference, tags }: PutManifestOperation,
  request: HttpRequest,
  { sparse, limits }: { readonly sparse: boolean; readonly limits: Limits },
): Promise<HttpResponse> {
  const wanted = isDigest(reference) ? reference : undefined;
  const manifest = await readManifest(request, wanted, limits.manifestBytes);
  const { digest } = manifest.descriptor;
  const allTags = isDigest(reference) ? tags : [reference, ...tags];
  await manifests.put(manifest, { tags: [...new Set(allTags)], sparse, signal: request.signal });
  const subject = manifest.body.kind === 'unknown' ? undefined : manifest.body.subject?.digest;
  return manifestCreated(name, digest, { tags, subject });
}

/** Types that clients send when they do not know the type of a manifest. */
const vagueTypes: ReadonlySet<string> = new Set([
  '',
  MediaType.json,
  MediaType.octetStream,
  'binary/octet-stream',
  'text/plain',
]);

/** Reads the body as a manifest and checks its size, its digest and its type. */
async function readManifest(
  { body = emptyContent, headers, signal }: HttpRequest,
  wanted: Digest | undefined,
  limit: number,
): Promise<Manifest> {
  const announced = contentLength(headers) ?? 0;
  if (announced > limit) {
    throw new ContentError('TOO_LARGE', `a manifest has at most ${limit} bytes`, {
      expected: limit,
      actual: announced,
    });
  }
  const bytes = await collect(body.open({ signal }), { limit, what: 'the manifest' });
  const digest = digestOf(bytes, wanted === undefined ? 'sha256' : computableAlgorithm(wanted));
  checkDigest(digest, wanted ?? digest, 'the manifest');
  const type = headerValue(headers, 'content-type');
  const mediaType = type === undefined ? undefined : parseMediaType(type);
  const manifest = parseManifest(bytes, { digest, mediaType });
  const named = manifest.body.mediaType ?? '';
  const kept =
    named === '' && mediaType !== undefined && saysKind(mediaType)
      ? mediaType
      : manifest.descriptor.mediaType;
  // Refuses a put with the type of a page or a script, although the manifest would be served with its own type.
  const isVague = mediaType === undefined || vagueTypes.has(mediaType);
  if (!isServedType(kept) || !(isVague || isServedType(mediaType))) {
    throw new ContentError('MANIFEST_INVALID', 'the Content-Type is not the type of a manifest');
  }
  return { ...manifest, descriptor: { ...manifest.descriptor, mediaType: kept } };
}

/** Deletes a tag alone, or a digest with all of its tags. */
export async function deleteManifest(
  { name, manifests, tags }: Repository,
  { reference }: ManifestOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const there = isDigest(reference)
    ? await manifests.delete(reference, { signal: request.signal })
    : await tags.delete(reference, { signal: request.signal });
  if (!there) throw unknown(name, reference);
  return deleted();
}

function unknown(name: string, reference: string): NotFoundError {
  return new NotFoundError('MANIFEST_UNKNOWN', `${name} has no manifest ${reference}`);
}
