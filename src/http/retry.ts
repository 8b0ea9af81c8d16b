import { ResponseError } from '../errors.ts';
import { headerValue, parseRetryAfter } from '../wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../wire/message.ts';
import { redactUrl } from '../wire/redact.ts';
import { type Backoff, createBackoff, type RetryEvent, type RetryOptions } from './backoff.ts';
import { drainBody } from './drain.ts';
import type { WireObserver } from './event.ts';

/**
 * Retries requests with `replay: 'safe'` after a failure that may pass: a transient status, a broken or silent
 * connection, or a busy name server. Obeys Retry-After. A refused connection, an unknown name and a Retry-After beyond
 * the cap are final.
 */
export function retry(options: RetryOptions = {}, observe?: WireObserver): Middleware {
  return (next) => async (request) => {
    if (!isRepeatable(request)) return await next(request);
    const backoff = createBackoff(observe === undefined ? options : observed(options, request, observe));
    for (let isLost = false; ; ) {
      const { response, error } = await settle(next, request, backoff);
      if (response !== undefined && error === undefined)
        return isLost ? { ...response, repeated: true } : response;
      const wait = backoff.plan(error);
      if (wait === undefined) {
        if (response === undefined) throw error;
        return response;
      }
      isLost ||= response === undefined || gatewayStatuses.includes(response.status);
      if (response !== undefined) await drainBody(response.body);
      await backoff.wait(wait, request.signal);
    }
  };
}

/** A proxy has lost the answer: the registry behind it may have done what it was asked. */
const gatewayStatuses = [500, 502, 504, 522];

interface Outcome {
  readonly response?: HttpResponse;
  /** The error for an answer without a final status. */
  readonly error?: unknown;
}

async function settle(next: Send, request: HttpRequest, backoff: Backoff): Promise<Outcome> {
  try {
    const response = await next(request);
    return backoff.stands(response.status)
      ? { response }
      : { response, error: statusError(request, response, backoff.clock.now()) };
  } catch (error) {
    request.signal?.throwIfAborted();
    return { error };
  }
}

/** Leaves the body unread: the caller gets it if this attempt is the last one. */
function statusError(
  { method, url, secrets }: HttpRequest,
  { status, headers }: HttpResponse,
  now: number,
): ResponseError {
  const shown = redactUrl(url, secrets);
  const retryAfter = parseRetryAfter(headerValue(headers, 'retry-after'), now);
  return new ResponseError('UNEXPECTED_STATUS', `${method} ${shown} was answered with ${status}`, {
    response: { method, url: shown, status, errors: [], ...(retryAfter === undefined ? {} : { retryAfter }) },
  });
}

function isRepeatable({ replay, body }: HttpRequest): boolean {
  return replay === 'safe' && (body === undefined || body.replayable);
}

function observed(
  options: RetryOptions,
  { method, url, secrets }: HttpRequest,
  observe: WireObserver,
): RetryOptions {
  return {
    ...options,
    onRetry(event: RetryEvent): unknown {
      const answer = options.onRetry?.(event);
      if (answer !== false) observe({ kind: 'retry', method, url: redactUrl(url, secrets), ...event });
      return answer;
    },
  };
}
