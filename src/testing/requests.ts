import type { HeaderMap, HttpRequest } from '../wire/message.ts';
import type { Operation } from '../wire/operation.ts';
import { parseOperation } from '../wire/route.ts';

/** What came to a registry. */
export interface RegistryRequest {
  readonly method: string;
  /** As it was sent: path and query. */
  readonly url: string;
  /** Names in lower case, each with its lines. */
  readonly headers: HeaderMap;
  /** What it asks for, by the kinds of the specification's endpoints; undefined for what is no question to a registry. */
  readonly operation?: Operation;
}

export function readRequest({ method, url, headers }: HttpRequest): RegistryRequest {
  const operation = parseOperation(method, url);
  return { method, url, headers, ...(operation.kind === 'failure' ? {} : { operation }) };
}
