import { TransportError } from '../../src/errors.ts';
import { drain } from '../../src/flow/collect.ts';
import type { Content } from '../../src/flow/content.ts';
import type { HeaderMap, HttpResponse, Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer } from '../../src/wire/reply.ts';
import { answering } from './wire.ts';

/** Habits of registries that ours does not have. */

export const refuse = async (status: number): Promise<HttpResponse> => answer(status);

export const refusing = (
  kind: OperationKind,
  status: number,
  headers: HeaderMap = {},
  times = 1,
): Middleware =>
  answering([kind], (request, _, nth) => {
    if (nth >= times) return undefined;
    return drain(request.body?.open() ?? none()).then(() => answer(status, headers));
  });

async function* none(): AsyncIterable<Uint8Array> {}

export const changing = (
  kinds: readonly OperationKind[],
  change: (response: HttpResponse) => Partial<HttpResponse>,
): Middleware =>
  answering(kinds, async (request, next) => {
    const response = await next(request);
    return { ...response, ...change(response) };
  });

export function withoutLocation({ headers }: HttpResponse): Pick<HttpResponse, 'headers'> {
  const { location: _, ...rest } = headers;
  return { headers: rest };
}

export const limits = (headers: HeaderMap): Middleware =>
  changing(['upload.start', 'upload.mount'], (response) => ({
    headers: { ...response.headers, ...headers },
  }));

/** Takes a part of the body, then breaks the connection. */
export const cutting = (kind: OperationKind, after: number, at = 0): Middleware =>
  answering([kind], (request, next, nth) => {
    const { body } = request;
    if (nth !== at) return undefined;
    const cut: Content = {
      replayable: false,
      async *open(options) {
        let left = after;
        for await (const chunk of body?.open(options) ?? none()) {
          yield chunk.subarray(0, left);
          left -= chunk.byteLength;
          if (left <= 0) break;
        }
        throw new TransportError('CUT_OFF', 'the connection broke');
      },
    };
    return next({ ...request, body: cut });
  });
