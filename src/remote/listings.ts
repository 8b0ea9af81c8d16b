import { type GantryError, isGantryError, TransportError, UnsupportedError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { profileOf } from '../hosts/profiles.ts';
import { createBackoff } from '../http/backoff.ts';
import { originOf } from '../http/origin.ts';
import { impatient } from '../http/whole-answer.ts';
import type { ListOptions, SignalOptions, Tags } from '../store/contract.ts';
import { catalogPage, type NamesPage, tagsPage } from '../wire/decode.ts';
import type { HttpResponse } from '../wire/message.ts';
import type { Operation, PageQuery } from '../wire/operation.ts';
import { redactUrl } from '../wire/redact.ts';
import {
  type Answer,
  ask,
  type Exchange,
  followed,
  isDeleted,
  perform,
  performBodiless,
} from './exchange.ts';
import { PageWatch } from './page-watch.ts';

/** The default for hosts without a profile. Most registries return a smaller page if this is too much. */
const defaultPageSize = 1000;
/** The statuses with which registries refuse a page that is too large. */
const pageRefused = [400, 405];

export function remoteTags(exchange: Exchange, repository: string): Tags {
  return {
    list: (options) =>
      listed(exchange, (page) => ({ kind: 'tags.list', repository, ...page }), tagsPage, options),

    async delete(tag, options) {
      const operation = { kind: 'manifest.delete', repository, reference: tag } as const;
      try {
        const { response } = await performBodiless(exchange, operation, [202, 200, 204, 404], options);
        exchange.roots.lost(repository, tag);
        return isDeleted(response);
      } catch (error) {
        if (!wantsDigest(error)) throw error;
        // The registry gives this answer also for a missing tag or repository.
        const head = { kind: 'manifest.head', repository, reference: tag } as const;
        const { response } = await performBodiless(exchange, head, () => true, options);
        if (response.status === 404) return false;
        throw withoutTagDelete(error);
      }
    },
  };
}

export function remoteCatalog(exchange: Exchange, options?: ListOptions): AsyncIterable<string> {
  return listed(exchange, (page) => ({ kind: 'catalog', ...page }), catalogPage, options);
}

/** Returns whether the registry deletes only by digest: distribution 2.8 takes the tag for a broken digest. */
function wantsDigest(error: unknown): error is GantryError {
  return isGantryError(error, 'DIGEST_INVALID') || isGantryError(error, 'UNSUPPORTED');
}

function withoutTagDelete(error: GantryError): UnsupportedError {
  const { message, response } = error;
  return new UnsupportedError(
    'manifest.delete',
    `${message}; the registry may delete by digest, which removes every tag of the manifest`,
    {
      cause: error,
      response,
    },
  );
}

/** Lists names page by page, by the links of the registry. A page without a link is the last one, however full it is. */
async function* listed(
  exchange: Exchange,
  operation: (page: PageQuery) => Operation,
  parse: (response: HttpResponse, url: string) => NamesPage,
  { after, pageSize, signal }: ListOptions = {},
): AsyncIterable<string> {
  const options = { signal };
  const last = after === undefined ? {} : { last: after };
  const n = pageSize ?? profileOf(exchange.registry).pageSize ?? defaultPageSize;
  let follow = async (): Promise<Answer> => {
    const answer = await perform(exchange, operation({ n, ...last }), [200, ...pageRefused], options);
    if (answer.response.status === 200) return answer;
    await discard(answer.response.body);
    return perform(exchange, operation(last), [200], options);
  };
  for (const watch = new PageWatch(); ; ) {
    const page: { answer?: Answer; next?: string } = {};
    const ask = async ({ isLast }: { readonly isLast: boolean }): Promise<AsyncIterable<string>> => {
      const answer = await follow();
      const { clock, registry } = exchange;
      const response = isLast ? answer.response : impatient(answer.response, { clock, host: registry });
      const { names, next } = parse(response, answer.request.url);
      Object.assign(page, { answer, next });
      return names;
    };
    for await (const name of whole(exchange, ask, options)) {
      watch.saw(name);
      yield name;
    }
    const { answer, next } = page;
    if (answer === undefined || next === undefined) return;
    watch.goOn(next, answer);
    follow = () => nextPage(exchange, answer, next);
  }
}

/** Yields the names of a page as they arrive. Asks again for a page that breaks off, and skips the known names. */
async function* whole(
  exchange: Exchange,
  ask: (attempt: { readonly isLast: boolean }) => Promise<AsyncIterable<string>>,
  { signal }: SignalOptions,
): AsyncIterable<string> {
  const backoff = createBackoff(exchange.download.retry);
  for (let given = 0, asked = 1; ; asked++) {
    // After two attempts a slow registry gets the usual time.
    const names = await ask({ isLast: asked > 2 });
    const before = given;
    let at = 0;
    try {
      for await (const name of names) {
        if (at++ < given) continue;
        given++;
        yield name;
      }
      return;
    } catch (error) {
      signal?.throwIfAborted();
      if (given > before) backoff.reset();
      const wait = backoff.plan(error);
      if (wait === undefined) throw error;
      await backoff.wait(wait, signal);
    }
  }
}

/** Follows a link, which must stay at its own origin, because the request carries the credentials. */
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
  return ask(exchange, { ...request, url }, operation, [200]);
}

/**
 * Corrects a link of Artifactory, which omits the first part of the path: `/v2/app/tags/list` for
 * `/v2/docker-local/app/tags/list`. Takes only its query then; returns every other link unchanged.
 */
function samePath(from: string, next: string): string {
  const [, origin = '', asked = ''] = /^([a-z]+:\/\/[^/]*)([^?]*)/.exec(from) ?? [];
  const target = next.startsWith(`${origin}/`) ? next.slice(origin.length) : next;
  const [, tail, query] = /^\/v2(\/[^?]+)(\?.*)$/.exec(target) ?? [];
  if (tail === undefined || query === undefined || !asked.endsWith(tail)) return next;
  return `${origin}${asked}${query}`;
}
