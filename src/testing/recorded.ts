import type { HttpRequest, Middleware } from '../wire/message.ts';
import type { Fault } from './faults.ts';
import { type RegistryRequest, readRequest } from './requests.ts';

/** A request with what came of it. */
export interface RecordedRequest extends RegistryRequest {
  /** Undefined while there is no answer, and for ever where a connection was cut before. */
  readonly status?: number;
  /** The scripted fault that has struck it, as it was given; undefined where none has, or has not yet. */
  readonly fault?: Fault;
}

export interface Recording extends Middleware {
  /** Notes that a fault has struck a request that passes. */
  struck(request: HttpRequest, fault: Fault): void;
}

/** Writes down what passes, in the order in which it came. */
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
