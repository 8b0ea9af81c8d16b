import type { HeaderMap, HttpRequest } from '../wire/message.ts';
import type { Operation } from '../wire/operation.ts';
import { parseOperation } from '../wire/route.ts';

/** A request that reached a registry. */
export interface RegistryRequest {
  /** The method. */
  readonly method: string;
  /** The request target as sent: path and query. */
  readonly url: string;
  /** Headers by lower-case name, each with its lines. */
  readonly headers: HeaderMap;
  /** The operation, by the endpoints of the specification. Undefined for a request that is none of them. */
  readonly operation?: Operation;
}

export function readRequest({ method, url, headers }: HttpRequest): RegistryRequest {
  const operation = parseOperation(method, url);
  return { method, url, headers, ...(operation.kind === 'failure' ? {} : { operation }) };
}
