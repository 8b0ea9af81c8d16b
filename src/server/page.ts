import type { ListOptions } from '../store/contract.ts';
import type { HttpRequest } from '../wire/message.ts';
import type { PageQuery } from '../wire/operation.ts';
import type { Limits } from './limits.ts';

export interface Page {
  readonly names: readonly string[];
  /** The query for the next page. Undefined on the last page. */
  readonly next?: Required<PageQuery>;
}

/** Reads one page of a listing. With `n=0` the page is empty and the last one. */
export async function takePage(
  list: (options: ListOptions) => AsyncIterable<string>,
  { n, last }: PageQuery,
  request: HttpRequest,
  { pageNames }: Pick<Limits, 'pageNames'>,
): Promise<Page> {
  const count = Math.min(n ?? pageNames, pageNames);
  const names: string[] = [];
  const options = {
    pageSize: count + 1,
    after: last,
    signal: request.signal,
  };
  for await (const name of list(options)) {
    const end = names.at(-1);
    if (names.length === count)
      return { names, ...(end === undefined ? {} : { next: { n: count, last: end } }) };
    names.push(name);
  }
  return { names };
}
