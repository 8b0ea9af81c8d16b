import { ResponseError, TransportError } from '../errors.ts';
import { originOf } from '../http/origin.ts';
import type { ListOptions, Tags } from '../store/contract.ts';
import { catalogPage, type NamesPage, tagsPage } from '../wire/decode.ts';
import type { HttpResponse } from '../wire/message.ts';
import type { Operation } from '../wire/operation.ts';
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

/** ECR's most; the others give less when it is too much for them. */
const defaultPageSize = 1000;
/** Ten million names at the usual page size: more is a registry that pages in circles. */
const maxPages = 10_000;

export function remoteTags(exchange: Exchange, repository: string): Tags {
  return {
    list: (options) =>
      listed(exchange, (page) => ({ kind: 'tags.list', repository, ...page }), tagsPage, options),

    async delete(tag, options) {
      const operation = { kind: 'manifest.delete', repository, reference: tag } as const;
      const { response } = await performBodiless(exchange, operation, [202, 200, 204, 404], options);
      return response.status !== 404;
    },
  };
}

export function remoteCatalog(exchange: Exchange, options?: ListOptions): AsyncIterable<string> {
  return listed(exchange, (page) => ({ kind: 'catalog', ...page }), catalogPage, options);
}

/** Names page by page, as the registry links them. A page without a link is the last, however full it is. */
async function* listed(
  exchange: Exchange,
  operation: (page: { readonly n: number; readonly last?: string }) => Operation,
  parse: (response: HttpResponse, url: string) => Promise<NamesPage>,
  { after, pageSize = defaultPageSize, signal }: ListOptions = {},
): AsyncIterable<string> {
  const options = { signal };
  const first = operation({ n: pageSize, ...(after === undefined ? {} : { last: after }) });
  let follow = (): Promise<Answer> => perform(exchange, first, [200], options);
  const read = async (answer: Answer) => ({ answer, page: await parse(answer.response, answer.request.url) });
  for (const seen = new Set<string>(); ; ) {
    const { answer, page } = await performWhole(exchange, follow, read, options);
    yield* page.names;
    const { next } = page;
    if (next === undefined) return;
    if (seen.has(next) || seen.size >= maxPages) {
      throw new ResponseError('UNEXPECTED_ANSWER', `${redactUrl(next)}: the registry's pages have no end`);
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
  const url = followed(exchange, from, next);
  if (originOf(url) !== originOf(from)) {
    const shown = redactUrl(next);
    throw new TransportError('REDIRECT_REFUSED', `${new URL(from).host} links to another host: ${shown}`);
  }
  return ask(exchange, { ...request, url }, operation, [200]);
}
