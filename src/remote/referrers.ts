import { type GantryError, isGantryError, ResponseError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import { discard } from '../flow/collect.ts';
import { digestOf } from '../flow/hash.ts';
import { parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { referrersTag } from '../spec/referrers-tag.ts';
import type { Manifests, ReferrersOptions, SignalOptions } from '../store/contract.ts';
import { type ReferrersPage, referrersPage } from '../wire/decode.ts';
import { readError } from '../wire/error-body.ts';
import type { ReferrersOperation } from '../wire/operation.ts';
import { redactUrl } from '../wire/redact.ts';
import type { ReferrersCapability } from './capabilities.ts';
import { type Answer, type Exchange, perform, performWhole } from './exchange.ts';
import { nextPage } from './listings.ts';
import { withOwnType } from './own-type.ts';
import { PageWatch } from './page-watch.ts';

/** Statuses of registries without the referrers API. */
const unsupported = [400, 404, 405, 406, 501];
/** Codes that show that the registry understood the question and answers about its content, in spite of such a status. */
const aboutContent: readonly string[] = [
  'NAME_UNKNOWN',
  'NAME_INVALID',
  'MANIFEST_UNKNOWN',
  'DIGEST_INVALID',
];

/**
 * Lists the referrers from the registry and from the fallback tag, each digest once. A registry with a new referrers API may
 * not know the entries of older tags, and tags are copied between registries. So gantry reads both at once, and only the tag
 * if the registry has shown that it has no API.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export async function* remoteReferrers(
  exchange: Exchange,
  repository: string,
  manifests: Pick<Manifests, 'get'>,
  subject: Digest,
  { artifactType, signal: outer }: ReferrersOptions = {},
): AsyncIterable<Descriptor> {
  const end = new AbortController();
  const { signal } = end;
  const release = onAbort(outer, () => end.abort(outer?.reason));
  const seen = new Set<Digest>();
  const wanted = async (listed: readonly Descriptor[]): Promise<readonly Descriptor[]> => {
    const fresh = listed.filter(({ digest }) => !seen.has(digest) && seen.add(digest));
    if (artifactType === undefined) return fresh;
    // Some registries do not filter, and some filter without saying so.
    const typed = await Promise.all(fresh.map((entry) => withOwnType(manifests, entry, { signal })));
    return typed.flatMap((entry) => (entry?.artifactType === artifactType ? entry : []));
  };
  const tagged = taggedReferrers(manifests, subject, { signal });
  tagged.catch(() => undefined);
  try {
    if (exchange.capabilities.referrers.isListed() !== false) {
      const filter = artifactType === undefined ? {} : { artifactType };
      const operation = { kind: 'referrers', repository, digest: subject, ...filter } as const;
      for await (const page of pages(exchange, operation, { signal })) yield* await wanted(page);
    }
    yield* await wanted(await tagged);
  } finally {
    release();
    // One list may have failed, or the reader may have left, while the other request continues.
    end.abort();
  }
}

/**
 * Resolves with whether the registry lists referrers itself. One caller asks, and the others wait for its answer, unless it
 * fails or is silent for 15 minutes. No caller asks after an answer has shown it.
 */
export async function hasReferrersApi(
  exchange: Exchange,
  repository: string,
  subject: Digest,
  { signal }: SignalOptions = {},
): Promise<boolean> {
  const operation = { kind: 'referrers', repository, digest: subject } as const;
  const ask = async (): Promise<boolean> => (await firstPage(exchange, operation, { signal })) !== undefined;
  return exchange.capabilities.referrers.findOut(ask, { signal });
}

interface Listed {
  readonly answer: Answer;
  readonly page: ReferrersPage;
}

async function* pages(
  exchange: Exchange,
  operation: ReferrersOperation,
  options: SignalOptions,
): AsyncIterable<readonly Descriptor[]> {
  let listed = await firstPage(exchange, operation, options);
  for (const watch = new PageWatch(); listed !== undefined; ) {
    const { answer, page } = listed;
    const found = entries(page);
    for (const { digest } of found) watch.saw(digest);
    yield found;
    if (page.next === undefined) return;
    watch.goOn(page.next, answer);
    const { next } = page;
    const follow = ({ signal }: SignalOptions): Promise<Answer> =>
      nextPage(exchange, { ...answer, request: { ...answer.request, signal } }, next);
    listed = await performWhole(exchange, follow, readListed, options);
    // An end here would present a part of the list as the whole.
    if (listed === undefined)
      throw unexpected(next, answer, 'the next page is no list of referrers, so the list is incomplete');
  }
}

/** Resolves with undefined if the registry has no referrers API. Notes which of both the answer shows. */
async function firstPage(
  exchange: Exchange,
  operation: ReferrersOperation,
  options: SignalOptions,
): Promise<Listed | undefined> {
  const { referrers } = exchange.capabilities;
  const send = ({ signal }: SignalOptions): Promise<Answer> =>
    perform(exchange, operation, [200, ...unsupported], { ...options, signal });
  return performWhole(exchange, send, (answer) => readFirst(answer, operation, referrers), options);
}

async function readFirst(
  answer: Answer,
  operation: ReferrersOperation,
  referrers: ReferrersCapability,
): Promise<Listed | undefined> {
  if (answer.response.status !== 200) {
    const { request, response } = answer;
    const error = await readError(response, { request, what: operation.digest, kind: operation.kind });
    if (!speaksOfContent(error)) referrers.saw(false);
    return undefined;
  }
  const listed = await readListed(answer);
  referrers.saw(listed !== undefined);
  return listed;
}

/** Returns whether the refusal is about this repository: the registry may still list the referrers of others. */
function speaksOfContent({ response }: GantryError): boolean {
  return response?.errors.some(({ code }) => aboutContent.includes(code)) ?? false;
}

/** Resolves with undefined if the answer is no list of referrers: proxies answer every request with 200 and a web page. */
async function readListed(answer: Answer): Promise<Listed | undefined> {
  const { request, response } = answer;
  const page = await referrersPage(response, request.url);
  if (page !== undefined) return { answer, page };
  await discard(response.body);
  return undefined;
}

function entries({ bytes }: Pick<ReferrersPage, 'bytes'>): readonly Descriptor[] {
  const { body } = parseManifest(bytes, { digest: digestOf(bytes), mediaType: MediaType.ociIndex });
  return body.kind === 'index' ? body.manifests : [];
}

/**
 * Resolves with the list under the fallback tag, which is an OCI index. Some registries (GitLab) take that tag for the digest and
 * answer with the subject itself, whose children are no referrers.
 */
async function taggedReferrers(
  manifests: Pick<Manifests, 'get'>,
  subject: Digest,
  options: SignalOptions,
): Promise<readonly Descriptor[]> {
  try {
    const { body, descriptor } = await manifests.get(referrersTag(subject), options);
    const isList = descriptor.mediaType === MediaType.ociIndex && descriptor.digest !== subject;
    return isList && body.kind === 'index' ? body.manifests : [];
  } catch (error) {
    if (isGantryError(error, 'MANIFEST_UNKNOWN') || isGantryError(error, 'NAME_UNKNOWN')) return [];
    throw error;
  }
}

function unexpected(url: string, { response }: Answer, what: string): ResponseError {
  return new ResponseError('UNEXPECTED_ANSWER', `${redactUrl(url, response.secrets)}: ${what}`);
}
