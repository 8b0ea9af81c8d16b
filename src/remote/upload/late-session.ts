import { discard } from '../../flow/collect.ts';
import type { HttpRequest, HttpResponse } from '../../wire/message.ts';
import type { Exchange } from '../exchange.ts';
import { openedUpload } from './session.ts';

/** Cancels the session that a late answer opens, since an earlier answer has opened the one in use. */
export function cancelsLate(exchange: Exchange, repository: string, request: HttpRequest): HttpRequest {
  const cancel = async (response: HttpResponse): Promise<void> => {
    await discard(response.body);
    if (response.status === 202) await openedUpload(exchange, repository, { request, response }).cancel();
  };
  return {
    ...request,
    onLate(response) {
      // The session expires by itself if it cannot be cancelled.
      cancel(response).catch(() => undefined);
    },
  };
}
