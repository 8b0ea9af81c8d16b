import { callback, checkArgument, checkOptions, having } from '../spec/options.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import { answer, errorAnswer, jsonAnswer, withoutBody } from '../wire/reply.ts';
import { basicChallenge, unauthorized } from './access/challenge.ts';
import { noted, type Serve, type ServedResponse } from './exchange.ts';
import type { Metrics } from './metrics.ts';

/** Options of `withHealth`. */
export interface HealthOptions {
  /** The metrics to serve at /metrics. Without them this path does not exist. */
  readonly metrics?: Pick<Metrics, 'text'> | undefined;
}

/**
 * Adds the endpoints for operators. `/healthz` answers every client. `/metrics` answers clients that may request
 * `/v2/`; with a login, it requires an authenticated user.
 */
export function withHealth(next: Serve, options: HealthOptions = {}): Serve {
  checkArgument('withHealth', 'next', next, callback);
  checkOptions('withHealth', options, {
    metrics: having('metrics from createMetrics', 'text'),
  });
  const { metrics } = options;
  const answerTo = async (request: HttpRequest): Promise<ServedResponse | undefined> => {
    const path = request.url.split('?', 1)[0];
    if (path === '/healthz') return readOnly(request, () => jsonAnswer(200, { status: 'ok' }));
    if (path !== '/metrics' || metrics === undefined) return undefined;
    const { body: _, ...asking } = request;
    const login = await next({ ...asking, method: 'GET', url: '/v2/' });
    if (login.status !== 200) return login;
    const { user } = login.note ?? {};
    // An anonymous token, which every client can get for public repositories, proves no login.
    if (next.guarded === true && user === undefined) return unauthorized(basicChallenge);
    return noted(
      readOnly(request, () => metricsAnswer(metrics.text())),
      user === undefined ? {} : { user },
    );
  };
  const serve: Serve = async (request) => {
    const response = await answerTo(request);
    if (response === undefined) return next(request);
    return request.method === 'HEAD' ? withoutBody(response) : response;
  };
  return next.guarded === undefined ? serve : Object.assign(serve, { guarded: next.guarded });
}

function readOnly({ method }: HttpRequest, reply: () => HttpResponse): HttpResponse {
  if (method === 'GET' || method === 'HEAD') return reply();
  return errorAnswer('UNSUPPORTED', 'use GET or HEAD', { headers: { allow: ['GET, HEAD'] } });
}

function metricsAnswer(text: string): HttpResponse {
  const type = 'text/plain; version=0.0.4; charset=utf-8';
  return answer(
    200,
    { 'content-type': [type], 'x-content-type-options': ['nosniff'] },
    new TextEncoder().encode(text),
  );
}
