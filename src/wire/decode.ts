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

/** A page of referrers that is longer is no registry's. */
const pageLimit = 8 * 1024 * 1024;

/** Docker-Content-Digest, or undefined where it is absent (Quay, some proxies) or no digest. */
export function digestHeader(response: HttpResponse): Digest | undefined {
  const text = headerValue(response.headers, 'docker-content-digest');
  return text !== undefined && isDigest(text) ? text : undefined;
}

/** OCI-Subject: the registry lists what was put among the referrers of this manifest. */
export function subjectHeader(response: HttpResponse): Digest | undefined {
  const text = headerValue(response.headers, 'oci-subject');
  return text !== undefined && isDigest(text) ? text : undefined;
}

/** OCI-Tag: the tags that a registry has set which understands `?tag=`; none where it doesn't. */
export function tagHeaders({ headers }: HttpResponse): readonly string[] {
  const tags = headerLines(headers, 'oci-tag').flatMap((line) => line.split(','));
  return tags.map((tag) => tag.trim()).filter((tag) => tag !== '');
}

/**
 * What a HEAD or GET of a blob or manifest says it is; undefined if the answer leaves out the digest, the size or the type.
 * A digest that was asked for stands, since some registries answer sha512 with sha256. Throws DIGEST_INVALID if the header
 * names other content.
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
    throw new ContentError('DIGEST_INVALID', `the registry answered ${asked.digest} with ${said}`, {
      expected: asked.digest,
      actual: said,
    });
  }
  if (digest === undefined || size === undefined || type === undefined) return undefined;
  return { mediaType: parseMediaType(type), digest, size };
}

/** The Location, byte-exact, resolved against the URL that answered; undefined if there is none. */
export function locationOf(response: HttpResponse, requestUrl: string): string | undefined {
  const location = headerValue(response.headers, 'location');
  return location === undefined ? undefined : resolveLocation(location, response.url ?? requestUrl);
}

/** Where an upload stands. */
export interface UploadState {
  /** Where the next request goes. */
  readonly location: string;
  /** Bytes that the registry has; undefined if it does not say. */
  readonly offset?: number;
  /** Chunk sizes that it asks for, in bytes. */
  readonly min?: number;
  readonly max?: number;
}

/**
 * What the answer to a start, a chunk or a question about the session says. `previous` is the state until now: a Location or
 * limits that are not repeated stay. `sent`: bytes that can have arrived, which tells an empty session's `0-0` from one byte.
 * Throws UNEXPECTED_ANSWER if there is no Location, now or before.
 */
export function uploadStateOf(
  response: HttpResponse,
  requestUrl: string,
  { previous, sent }: { readonly previous?: UploadState; readonly sent?: number } = {},
): UploadState {
  const location = locationOf(response, requestUrl) ?? previous?.location;
  if (location === undefined) {
    throw unexpected(response, requestUrl, 'began an upload without saying where (no Location)');
  }
  const { headers } = response;
  const offset = parseUploadRange(headerValue(headers, 'range'), sent === undefined ? {} : { sent });
  const min = wholeNumber(headerValue(headers, 'oci-chunk-min-length')) ?? previous?.min;
  const max = wholeNumber(headerValue(headers, 'oci-chunk-max-length')) ?? previous?.max;
  return {
    location,
    ...(offset === undefined ? {} : { offset }),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
  };
}

/** The page after this one, resolved; whether it may be asked for is for the origin policy to say. */
export function nextLink(response: HttpResponse, requestUrl: string): string | undefined {
  const next = parseNextLink(headerLines(response.headers, 'link'));
  return next === undefined ? undefined : resolveLocation(next, response.url ?? requestUrl);
}

export interface NamesPage {
  /** As the body brings them, which may be of any length. Reading throws UNEXPECTED_ANSWER for anything but a list. */
  readonly names: AsyncIterable<string>;
  readonly next?: string;
}

/** A page of tags. `null` and a missing list are empty. */
export function tagsPage(response: HttpResponse, requestUrl: string): NamesPage {
  return namesPage(response, requestUrl, 'tags');
}

/** A page of repository names, as `tagsPage`. */
export function catalogPage(response: HttpResponse, requestUrl: string): NamesPage {
  return namesPage(response, requestUrl, 'repositories');
}

function namesPage(response: HttpResponse, requestUrl: string, field: string): NamesPage {
  const next = nextLink(response, requestUrl);
  return { names: listed(response, requestUrl, field), ...(next === undefined ? {} : { next }) };
}

async function* listed(response: HttpResponse, requestUrl: string, field: string): AsyncIterable<string> {
  try {
    yield* namesIn(response.body, { field, what: 'the body' });
  } catch (error) {
    if (!isGantryError(error, 'MANIFEST_INVALID')) throw error;
    throw unexpected(response, requestUrl, `answered with no list of ${field}: ${error.message}`, error);
  }
}

export interface ReferrersPage {
  /** The index, to be parsed as the manifest that it is. */
  readonly bytes: Uint8Array;
  /** The registry has applied the artifactType filter. */
  readonly filtered: boolean;
  readonly next?: string;
}

/**
 * A page of referrers; undefined if the answer is no index, by which registries that know nothing of referrers (200 with a
 * web page) are told. The body is read only if it is one.
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
    ...(next === undefined ? {} : { next }),
  };
}

function unexpected(response: HttpResponse, url: string, what: string, cause?: unknown): ResponseError {
  const shown = redactUrl(response.url ?? url, response.secrets);
  return new ResponseError('UNEXPECTED_ANSWER', `${shown} ${what}`, { cause });
}
