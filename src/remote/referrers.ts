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

/** Statuses that registries without the referrers API have for it. */
const unsupported = [400, 404, 405, 406, 501];
/** What such a status means where one of these comes with it: the registry has understood, and speaks of what was asked for. */
const aboutContent: readonly string[] = [
  'NAME_UNKNOWN',
  'NAME_INVALID',
  'MANIFEST_UNKNOWN',
  'DIGEST_INVALID',
];

/**
 * The referrers that the registry lists and those of the fallback tag, each digest once. A registry that has taken up
 * the referrers API need not have taken over what stood under the tags before, and tags are copied between registries:
 * so both are read, at once, and the tag alone where the registry has shown that it has no API.
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
    // Not every registry filters, and not every one that does says so.
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
 * Whether the registry lists referrers itself. One caller asks and the others wait for what that shows, unless it fails or
 * is silent for 15 minutes; nobody asks where an answer has shown it already.
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
    // To stop here would be to show a part as if it were all.
    if (listed === undefined) throw unexpected(next, answer, 'the next page is no list of referrers');
  }
}

/** Undefined where the registry doesn't know the question. Either way it has shown whether it does. */
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

/** A registry that doesn't know this repository may well know the referrers of others. */
function speaksOfContent({ response }: GantryError): boolean {
  return response?.errors.some(({ code }) => aboutContent.includes(code)) ?? false;
}

/** Undefined where the answer is no list of referrers: 200 with a web page is what a proxy has for everything. */
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
 * The list under the fallback tag. Some registries (GitLab) take that tag for the digest and answer with the subject itself,
 * whose children are no referrers; and a list is an OCI index.
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
