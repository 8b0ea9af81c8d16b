import type { HttpRequest, Middleware } from '../wire/message.ts';
import type { Fault } from './faults.ts';
import { type RegistryRequest, readRequest } from './requests.ts';

/** A request and its outcome. */
export interface RecordedRequest extends RegistryRequest {
  /** The HTTP status. Undefined before an answer, and when the connection was closed before one. */
  readonly status?: number;
  /** The fault that has struck the request, as it was given. Undefined when none has struck it yet. */
  readonly fault?: Fault;
}

export interface Recording extends Middleware {
  /** Records that a fault has struck a request. */
  struck(request: HttpRequest, fault: Fault): void;
}

/** Records the requests in the order of their arrival. */
export function recording(requests: RecordedRequest[]): Recording {
  const places = new WeakMap<HttpRequest, number>();
  const note = (request: HttpRequest, what: Partial<RecordedRequest>): void => {
    const at = places.get(request) ?? -1;
    const recorded = requests[at];
    if (recorded !== undefined) requests[at] = { ...recorded, ...what };
  };
  const middleware: Middleware = (next) => async (request) => {
    places.set(request, requests.push(readRequest(request)) - 1);
    const response = await next(request);
    note(request, { status: response.status });
    return response;
  };
  return Object.assign(middleware, {
    struck: (request: HttpRequest, fault: Fault) => note(request, { fault }),
  });
}
