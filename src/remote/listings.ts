import {
  type GantryError,
  isGantryError,
  ResponseError,
  TransportError,
  UnsupportedError,
} from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { originOf } from '../http/origin.ts';
import type { ListOptions, Tags } from '../store/contract.ts';
import { catalogPage, type NamesPage, tagsPage } from '../wire/decode.ts';
import type { HttpResponse } from '../wire/message.ts';
import type { Operation, PageQuery } from '../wire/operation.ts';
import { redactUrl } from '../wire/redact.ts';
import {
  type Answer,
  ask,
  type Exchange,
  followed,
  perform,
  performBodiless,
  performWhole,
} from './exchange.ts';
import { habitsOf } from './hosts.ts';

/** Where nothing is known of the host: most give less when it is too much for them. */
const defaultPageSize = 1000;
/** How a page is refused that would be too large. */
const pageRefused = [400, 405];
/** Ten million names at the usual page size: more is a registry that pages in circles. */
const maxPages = 10_000;

export function remoteTags(exchange: Exchange, repository: string): Tags {
  return {
    list: (options) =>
      listed(exchange, (page) => ({ kind: 'tags.list', repository, ...page }), tagsPage, options),

    async delete(tag, options) {
      const operation = { kind: 'manifest.delete', repository, reference: tag } as const;
      try {
        const { response } = await performBodiless(exchange, operation, [202, 200, 204, 404], options);
        return response.status !== 404;
      } catch (error) {
        throw wantsDigest(error) ? withoutTagDelete(error) : error;
      }
    },
  };
}

export function remoteCatalog(exchange: Exchange, options?: ListOptions): AsyncIterable<string> {
  return listed(exchange, (page) => ({ kind: 'catalog', ...page }), catalogPage, options);
}

/** distribution 2.8 takes the tag for a broken digest. */
function wantsDigest(error: unknown): error is GantryError {
  return isGantryError(error, 'DIGEST_INVALID') || isGantryError(error, 'UNSUPPORTED');
}

function withoutTagDelete(error: GantryError): UnsupportedError {
  const { message, response } = error;
  return new UnsupportedError(
    'manifest.delete',
    `${message}; it may delete by digest, with every tag on it`,
    {
      cause: error,
      ...(response === undefined ? {} : { response }),
    },
  );
}

/** Names page by page, as the registry links them. A page without a link is the last, however full it is. */
async function* listed(
  exchange: Exchange,
  operation: (page: PageQuery) => Operation,
  parse: (response: HttpResponse, url: string) => Promise<NamesPage>,
  { after, pageSize, signal }: ListOptions = {},
): AsyncIterable<string> {
  const options = { signal };
  const n = pageSize ?? habitsOf(exchange.registry).pageSize ?? defaultPageSize;
  const last = after === undefined ? {} : { last: after };
  let follow = async (): Promise<Answer> => {
    const answer = await perform(exchange, operation({ n, ...last }), [200, ...pageRefused], options);
    if (answer.response.status === 200) return answer;
    await discard(answer.response.body);
    return perform(exchange, operation(last), [200], options);
  };
  const read = async (answer: Answer) => ({ answer, page: await parse(answer.response, answer.request.url) });
  for (const seen = new Set<string>(); ; ) {
    const { answer, page } = await performWhole(exchange, follow, read, options);
    yield* page.names;
    const { next } = page;
    if (next === undefined) return;
    if (seen.has(next) || seen.size >= maxPages) {
      const shown = redactUrl(next, answer.response.secrets);
      throw new ResponseError('UNEXPECTED_ANSWER', `${shown}: the registry's pages have no end`);
    }
    seen.add(next);
    follow = () => nextPage(exchange, answer, next);
  }
}

/** Follows a link, which must stay at the origin that gave it: what lies behind it is asked with our credentials. */
export async function nextPage(
  exchange: Exchange,
  { operation, request, response }: Answer,
  next: string,
): Promise<Answer> {
  const from = response.url ?? request.url;
  const url = followed(exchange, { request, response }, samePath(from, next));
  if (originOf(url) !== originOf(from)) {
    const shown = redactUrl(next, response.secrets);
    throw new TransportError('REDIRECT_REFUSED', `${new URL(from).host} links to another host: ${shown}`);
  }
  // Who wrote the link may have put into it what it was shown.
  const { secrets = [] } = response;
  return ask(exchange, { ...request, url, secrets }, operation, [200]);
}

/**
 * Artifactory links to the path that it knows, without what stands before it for us: `/v2/app/tags/list` for
 * `/v2/docker-local/app/tags/list`. Then the query alone counts; every other link is left as it is.
 */
function samePath(from: string, next: string): string {
  const [, origin = '', asked = ''] = /^([a-z]+:\/\/[^/]*)([^?]*)/.exec(from) ?? [];
  const target = next.startsWith(`${origin}/`) ? next.slice(origin.length) : next;
  const [, tail, query] = /^\/v2(\/[^?]+)(\?.*)$/.exec(target) ?? [];
  if (tail === undefined || query === undefined || !asked.endsWith(tail)) return next;
  return `${origin}${asked}${query}`;
}
