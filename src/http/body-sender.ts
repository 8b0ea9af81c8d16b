import type { ClientRequest } from 'node:http';
import { ContentError } from '../errors.ts';
import { contentLength } from '../wire/headers.ts';
import type { HttpRequest } from '../wire/message.ts';
import type { Target } from './target.ts';

/** Pours a request's body into its connection. */
interface BodySender {
  /** Ends when the body is sent or was stopped. Rejects with the source's own error, or SIZE_INVALID. */
  run(): Promise<void>;
  /** Stops the source if it is still being read; answers whether the body went out whole. */
  stop(): boolean;
  /** Whether the request can go out again: nothing was read, or the body can be and no more than `limit` bytes went out. */
  canRepeat(limit: number): boolean;
}

export function createBodySender(outgoing: ClientRequest, request: HttpRequest, target: Target): BodySender {
  const { body } = request;
  const announced = contentLength(request.headers) ?? body?.size;
  const abort = new AbortController();
  let opened = false;
  let sent = 0;
  let stopped = false;

  const sizeError = (actual: number): ContentError =>
    new ContentError(
      'SIZE_INVALID',
      `the body for ${target.host} has ${actual} bytes, not the announced ${announced}`,
      {
        ...(announced === undefined ? {} : { expected: announced }),
        actual,
      },
    );

  const pour = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) {
      if (stopped) return;
      if (chunk.byteLength === 0) continue;
      if (announced !== undefined && sent + chunk.byteLength > announced)
        throw sizeError(sent + chunk.byteLength);
      sent += chunk.byteLength;
      if (!(await written(outgoing, chunk)) || stopped) return;
    }
    if (announced !== undefined && sent !== announced) throw sizeError(sent);
    outgoing.end();
  };

  return {
    async run(): Promise<void> {
      if (body === undefined) {
        outgoing.end();
        return;
      }
      opened = true;
      try {
        await pour(body.open({ signal: abort.signal }));
      } catch (error) {
        // Whoever stopped it has the answer or the error already.
        if (!stopped) throw error;
      }
    },
    stop(): boolean {
      if (stopped || outgoing.writableEnded) return outgoing.writableEnded;
      stopped = true;
      // The answer to the last byte may come before the source has said that it was the last: nothing is missing then, and
      // the connection can be used again.
      if (sent === announced) outgoing.end();
      abort.abort();
      return outgoing.writableEnded;
    },
    canRepeat: (limit) => !opened || (body?.replayable === true && sent <= limit),
  };
}

/** Waits until the connection has taken the chunk, whose memory is the source's again from then on. `false`: it is gone. */
function written(outgoing: ClientRequest, chunk: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const closed = (): void => resolve(false);
    outgoing.once('close', closed);
    outgoing.write(chunk, (error) => {
      outgoing.off('close', closed);
      resolve(error === undefined || error === null);
    });
  });
}
