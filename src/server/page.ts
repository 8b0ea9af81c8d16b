import type { ListOptions } from '../store/contract.ts';
import type { HttpRequest } from '../wire/message.ts';
import type { PageQuery } from '../wire/operation.ts';
import type { Limits } from './limits.ts';

export interface Page {
  readonly names: readonly string[];
  /** What asks for the page after this one; undefined at the end. */
  readonly next?: Required<PageQuery>;
}

/** One page of a listing. `n=0` is an empty page, and no other follows it. */
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
    ...(last === undefined ? {} : { after: last }),
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
