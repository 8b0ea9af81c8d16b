import type { HeaderMap, HttpRequest, Middleware } from '../wire/message.ts';
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

/** A request with what came of it. */
export interface RecordedRequest extends RegistryRequest {
  /** Undefined while there is no answer, and for ever where a connection was cut before. */
  readonly status?: number;
}

export function readRequest({ method, url, headers }: HttpRequest): RegistryRequest {
  const operation = parseOperation(method, url);
  return { method, url, headers, ...(operation.kind === 'failure' ? {} : { operation }) };
}

/** Writes down what passes, in the order in which it came. */
export function recording(requests: RecordedRequest[]): Middleware {
  return (next) => async (request) => {
    const at = requests.push(readRequest(request)) - 1;
    const response = await next(request);
    const recorded = requests[at];
    if (recorded !== undefined) requests[at] = { ...recorded, status: response.status };
    return response;
  };
}
