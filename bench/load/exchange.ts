import { type Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';

export interface Asked {
  readonly method: string;
  /** A path or a whole URL. */
  readonly target: string;
  readonly headers?: OutgoingHttpHeaders;
  /** The parts of the body in order. */
  readonly body?: readonly Uint8Array[];
}

export interface Answered {
  readonly headers: IncomingHttpHeaders;
}

/**
 * Sends one request on a kept connection. Throws unless the status of the response is `status`. Passes the body to
 * `onBytes`.
 */
export function exchange(
  { base, agent }: { readonly base: string; readonly agent: Agent },
  status: number,
  { method, target, headers = {}, body = [] }: Asked,
  onBytes: (bytes: Buffer) => void = () => undefined,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length = body.reduce((sum, part) => sum + part.length, 0);
    const sent = request(
      new URL(target, base),
      {
        agent,
        method,
        headers: { ...headers, ...(method === 'GET' ? {} : { 'content-length': length }) },
      },
      (response) => {
        response.on('data', onBytes);
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === status) resolve({ headers: response.headers });
          else reject(new Error(`${method} was answered with ${response.statusCode}`));
        });
      },
    );
    sent.on('error', reject);
    for (const part of body) sent.write(part);
    sent.end();
  });
}
