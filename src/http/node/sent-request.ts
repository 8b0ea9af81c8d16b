import type http from 'node:http';
import { ResponseError } from '../../errors.ts';
import { onAbort } from '../../flow/abort.ts';
import type { HeaderMap, HttpRequest, HttpResponse, TargetUri } from '../../wire/message.ts';
import { redactUrl } from '../../wire/redact.ts';

import { transportError } from '../failure.ts';
import { receiveBody } from './body-receiver.ts';
import { createBodySender } from './body-sender.ts';
import { UnaskedAnswer, watchConnection } from './connection.ts';
import type { Connector } from './connector.ts';

/** One request on one connection. */
export interface SentRequest {
  readonly response: Promise<HttpResponse>;
  /**
   * Returns whether the request failed because its connection was unusable before it was sent, and the request can be
   * sent again.
   */
  wasStale(): boolean;
}

export interface SendRequestOptions {
  readonly connector: Connector;
  readonly target: TargetUri;
  readonly connectWithin: number;
}

/** The number of bytes of a small body that the kernel may accept before a closed connection becomes visible. */
const smallBody = 64 * 1024;
/** Proxies send a 102 every few seconds while a registry works, which may take 15 minutes. */
const maxInterim = 1000;

/** Sends the request. Settles on every event of `node:http`: an unexpected event is an error, too. */
export function sendRequest(
  outgoing: http.ClientRequest,
  request: HttpRequest,
  { target, connector, connectWithin }: SendRequestOptions,
): SentRequest {
  const { signal } = request;
  const line = watchConnection(outgoing, { host: target.host, connector, connectWithin });
  const facts = { request, target };
  const sender = createBodySender(outgoing, request, target);
  let stale = false;

  const response = new Promise<HttpResponse>((resolve, reject) => {
    let isSettled = false;
    const settle = (act: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      release();
      act();
    };
    const fail = (error: unknown, isStale = line.isStale(error) && sender.canRepeat(smallBody)): void =>
      settle(() => {
        sender.stop();
        stale = isStale && signal?.aborted !== true;
        if (signal?.aborted) reject(signal.reason);
        else reject(transportError(error, { target, connected: line.isUp() }));
        outgoing.destroy();
      });
    const release = onAbort(signal, () => queueMicrotask(() => fail(signal?.reason, false)));

    onEnd(outgoing, facts, {
      failed: (error) => fail(error),
      answered(incoming) {
        if (line.isUnasked(incoming) && sender.canRepeat(outgoing.writableEnded ? smallBody : Infinity))
          return fail(new UnaskedAnswer(), true);
        const { statusCode: status = 0 } = incoming;
        if (status === 101) return fail(switchError(request));
        settle(() => {
          const body = receiveBody(incoming, { ...facts, outgoing, reusable: sender.stop() });
          resolve({ status, headers: incomingHeaders(incoming), body, url: request.url });
        });
      },
    });
    line.whenSpoilt(fail);
    // Opens the source only once the connection exists: a body of which nothing was sent can be sent elsewhere.
    line.whenUp(() => {
      if (isSettled) return;
      sender.run().catch((error: unknown) =>
        settle(() => {
          reject(signal?.aborted ? signal.reason : error);
          outgoing.destroy();
        }),
      );
    });
  });
  return { response, wasStale: () => stale };
}

interface End {
  readonly failed: (error: unknown) => void;
  readonly answered: (incoming: http.IncomingMessage) => void;
}

/** Reports each event of `node:http` that ends the wait for an answer. */
function onEnd(
  outgoing: http.ClientRequest,
  { request, target }: { readonly request: HttpRequest; readonly target: TargetUri },
  { failed, answered }: End,
): void {
  outgoing.on('error', (error) => failed(error));
  // Some ends have no `error` event in `node:http`, for example the end of an upgraded connection.
  outgoing.once('close', () => failed(closedError()));
  outgoing.once('upgrade', (_, socket) => {
    socket.destroy();
    failed(switchError(request));
  });
  onInterim(outgoing, maxInterim, (status) => {
    failed(status === 101 ? switchError(request) : interimError(target));
  });
  outgoing.once('response', answered);
}

/**
 * Calls `refuse` for a 101 without an upgrade, and for the first interim answer beyond `most`. Interim answers do not
 * count as progress.
 */
function onInterim(outgoing: http.ClientRequest, most: number, refuse: (status: number) => void): void {
  let count = 0;
  outgoing.on('information', ({ statusCode }) => {
    count++;
    if (statusCode === 101 || count > most) refuse(statusCode);
  });
}

function switchError({ method, url, secrets }: HttpRequest): ResponseError {
  const shown = redactUrl(url, secrets);
  return new ResponseError(
    'UNEXPECTED_STATUS',
    `${method} ${shown} was answered with 101 Switching Protocols, although no upgrade was requested: this is not a registry`,
    { response: { method, url: shown, status: 101, errors: [] } },
  );
}

function interimError({ host }: TargetUri): ResponseError {
  const message = `${host} sent more than ${maxInterim} interim answers (1xx) and no final one`;
  return new ResponseError('UNEXPECTED_ANSWER', message);
}

function closedError(): Error {
  return Object.assign(new Error('no answer arrived'), { code: 'ECONNRESET' });
}

function incomingHeaders({ rawHeaders }: http.IncomingMessage): HeaderMap {
  const lines = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]?.toLowerCase() ?? '';
    const values = lines.get(name);
    if (values === undefined) lines.set(name, [rawHeaders[at + 1] ?? '']);
    else values.push(rawHeaders[at + 1] ?? '');
  }
  return Object.fromEntries(lines);
}
