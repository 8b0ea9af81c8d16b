import { ContentError, isGantryError, ResponseError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { namesIn } from '../json/name-list.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestAlgorithm, isDigest } from '../spec/digest.ts';
import { parseMediaType } from '../spec/media-type.ts';
import { contentLength, headerLines, headerValue, parseNextLink, wholeNumber } from './headers.ts';
import { resolveLocation } from './location.ts';
import type { HttpResponse } from './message.ts';
import { parseUploadRange } from './range.ts';
import { redactUrl } from './redact.ts';

/** No registry sends a longer page of referrers. */
const pageLimit = 8 * 1024 * 1024;

/** Returns Docker-Content-Digest, or undefined when the header is absent (Quay, some proxies) or holds no digest. */
export function digestHeader(response: HttpResponse): Digest | undefined {
  const text = headerValue(response.headers, 'docker-content-digest');
  return text !== undefined && isDigest(text) ? text : undefined;
}

/** Returns OCI-Subject, by which a registry confirms that it lists a manifest among the referrers of this digest. */
export function subjectHeader(response: HttpResponse): Digest | undefined {
  const text = headerValue(response.headers, 'oci-subject');
  return text !== undefined && isDigest(text) ? text : undefined;
}

/** Returns the tags in OCI-Tag. A registry that ignores `?tag=` sends none. */
export function tagHeaders({ headers }: HttpResponse): readonly string[] {
  const tags = headerLines(headers, 'oci-tag').flatMap((line) => line.split(','));
  return tags.map((tag) => tag.trim()).filter((tag) => tag !== '');
}

/**
 * Describes the blob or manifest that a HEAD or GET answers with. Returns undefined if the answer lacks the digest, the
 * size or the type. A requested digest stays as it is, since some registries answer a sha512 with a sha256.
 * @throws DIGEST_INVALID when the header names other content
 */
export function descriptorOf(
  response: HttpResponse,
  asked: { readonly digest?: Digest; readonly mediaType?: string } = {},
): Descriptor | undefined {
  const said = digestHeader(response);
  const digest = asked.digest ?? said;
  const size = contentLength(response.headers);
  const type = asked.mediaType ?? headerValue(response.headers, 'content-type');
  if (
    asked.digest !== undefined &&
    said !== undefined &&
    said !== asked.digest &&
    digestAlgorithm(said) === digestAlgorithm(asked.digest)
  ) {
    throw new ContentError(
      'DIGEST_INVALID',
      `the registry was asked for ${asked.digest} and answered with ${said}`,
      {
        expected: asked.digest,
        actual: said,
      },
    );
  }
  if (digest === undefined || size === undefined || type === undefined) return undefined;
  return { mediaType: parseMediaType(type), digest, size };
}

/** Returns the Location, byte-exact and resolved against the URL that answered; undefined if the header is absent. */
export function locationOf(response: HttpResponse, requestUrl: string): string | undefined {
  const location = headerValue(response.headers, 'location');
  return location === undefined ? undefined : resolveLocation(location, response.url ?? requestUrl);
}

/** The state of an upload session. */
export interface UploadState {
  /** The URL of the next request. */
  readonly location: string;
  /** Bytes that the registry has; undefined if the answer does not tell. */
  readonly offset?: number | undefined;
  /** The chunk sizes that the registry asks for, in bytes. */
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/**
 * Reads the session's state from the answer to a start, a chunk or a status request. A Location or a limit that the
 * answer does not repeat is taken from `previous`. `sent` is the number of bytes that can have arrived; it tells the
 * `0-0` of an empty session from one byte.
 * @throws UNEXPECTED_ANSWER when neither the answer nor `previous` has a Location
 */
export function uploadStateOf(
  response: HttpResponse,
  requestUrl: string,
  { previous, sent }: { readonly previous?: UploadState; readonly sent?: number } = {},
): UploadState {
  const location = locationOf(response, requestUrl) ?? previous?.location;
  if (location === undefined) {
    throw unexpected(
      response,
      requestUrl,
      'started an upload without a Location, so the upload cannot continue',
    );
  }
  const { headers } = response;
  const offset = parseUploadRange(headerValue(headers, 'range'), { sent });
  const min = wholeNumber(headerValue(headers, 'oci-chunk-min-length')) ?? previous?.min;
  const max = wholeNumber(headerValue(headers, 'oci-chunk-max-length')) ?? previous?.max;
  return { location, offset, min, max };
}

/** Returns the resolved URL of the next page. The origin policy decides whether it may be requested. */
export function nextLink(response: HttpResponse, requestUrl: string): string | undefined {
  const next = parseNextLink(headerLines(response.headers, 'link'));
  return next === undefined ? undefined : resolveLocation(next, response.url ?? requestUrl);
}

export interface NamesPage {
  /**
   * The names in the order of the body, which may be of any length. Iterating throws UNEXPECTED_ANSWER if the body
   * holds no list.
   */
  readonly names: AsyncIterable<string>;
  readonly next: string | undefined;
}

/** Reads a page of tags. `null` and a missing list count as empty. */
export function tagsPage(response: HttpResponse, requestUrl: string): NamesPage {
  return namesPage(response, requestUrl, 'tags');
}

/** Reads a page of repository names, as `tagsPage` does. */
export function catalogPage(response: HttpResponse, requestUrl: string): NamesPage {
  return namesPage(response, requestUrl, 'repositories');
}

function namesPage(response: HttpResponse, requestUrl: string, field: string): NamesPage {
  return { names: listed(response, requestUrl, field), next: nextLink(response, requestUrl) };
}

async function* listed(response: HttpResponse, requestUrl: string, field: string): AsyncIterable<string> {
  try {
    yield* namesIn(response.body, { field, what: 'the body' });
  } catch (error) {
    if (!isGantryError(error, 'MANIFEST_INVALID')) throw error;
    throw unexpected(response, requestUrl, `answered without a list of ${field}: ${error.message}`, error);
  }
}

export interface ReferrersPage {
  /** The bytes of the index, which the caller parses as a manifest. */
  readonly bytes: Uint8Array;
  /** True if the registry applied the artifactType filter. */
  readonly filtered: boolean;
  readonly next: string | undefined;
}

/**
 * Reads a page of referrers. Returns undefined, and leaves the body unread, if the answer is no index: registries
 * without referrers answer 200 with a web page.
 */
export async function referrersPage(
  response: HttpResponse,
  requestUrl: string,
): Promise<ReferrersPage | undefined> {
  const type = parseMediaType(headerValue(response.headers, 'content-type') ?? '');
  if (type !== 'application/vnd.oci.image.index.v1+json') return undefined;
  const next = nextLink(response, requestUrl);
  return {
    bytes: await collect(response.body, {
      limit: pageLimit,
      what: `the answer to GET ${redactUrl(requestUrl, response.secrets)}`,
    }),
    filtered: headerLines(response.headers, 'oci-filters-applied')
      .flatMap((line) => line.split(','))
      .some((filter) => filter.trim() === 'artifactType'),
    next,
  };
}

function unexpected(response: HttpResponse, url: string, what: string, cause?: unknown): ResponseError {
  const shown = redactUrl(response.url ?? url, response.secrets);
  return new ResponseError('UNEXPECTED_ANSWER', `${shown} ${what}`, { cause });
}
