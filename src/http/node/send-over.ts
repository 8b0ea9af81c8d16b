import type { HttpRequest, HttpResponse, TargetUri } from '../../wire/message.ts';
import type { Connector } from './connector.ts';
import { SentRequest } from './sent-request.ts';

interface Sending {
  readonly request: HttpRequest;
  readonly target: TargetUri;
  readonly connectWithin: number;
}

/** Sends once more over a new connection if the first connection was dead before the request was sent. */
export async function sendOver(
  connector: Connector,
  { request, ...options }: Sending,
): Promise<HttpResponse> {
  const first = new SentRequest(request, { ...options, connector, fresh: false });
  try {
    return await first.response;
  } catch (error) {
    if (!first.wasStale()) throw error;
    // Uses a new connection and not another one of the pool: after a restart of the server, all pooled connections
    // are dead.
    return await new SentRequest(request, { ...options, connector, fresh: true }).response;
  }
}
