import type { ClientRequest } from 'node:http';
import { ContentError } from '../../errors.ts';
import { contentLength } from '../../wire/headers.ts';
import type { HttpRequest, TargetUri } from '../../wire/message.ts';

/** Writes the body of a request to its connection. */
interface BodySender {
  /**
   * Resolves when the body is sent or was stopped. Rejects with the source's own error, or with SIZE_INVALID when the
   * body does not have its announced size.
   */
  run(): Promise<void>;
  /** Stops the source if it is still being read. Returns whether the whole body was sent. */
  stop(): boolean;
  /**
   * Returns whether the request can be sent again: the body was not opened yet, or it is replayable and at most `limit`
   * bytes of it were sent.
   */
  canRepeat(limit: number): boolean;
}

export function createBodySender(
  outgoing: ClientRequest,
  request: HttpRequest,
  target: TargetUri,
): BodySender {
  const { body } = request;
  const announced = contentLength(request.headers) ?? body?.size;
  const abort = new AbortController();
  let opened = false;
  let sent = 0;
  let stopped = false;

  const pour = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of chunks) {
      if (stopped) return;
      if (chunk.byteLength === 0) continue;
      if (announced !== undefined && sent + chunk.byteLength > announced)
        throw sizeError(target, announced, sent + chunk.byteLength);
      sent += chunk.byteLength;
      if (!(await written(outgoing, chunk)) || stopped) return;
    }
    if (announced !== undefined && sent !== announced) throw sizeError(target, announced, sent);
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
        // The caller of `stop` already has the answer or the error.
        if (!stopped) throw error;
      }
    },
    stop(): boolean {
      if (stopped || outgoing.writableEnded) return outgoing.writableEnded;
      stopped = true;
      // The answer to the last byte may arrive before the source has reported its end. The body is complete then, so
      // the connection can be reused.
      if (sent === announced) outgoing.end();
      abort.abort();
      return outgoing.writableEnded;
    },
    canRepeat: (limit) => !opened || (body?.replayable === true && sent <= limit),
  };
}

function sizeError({ host }: TargetUri, expected: number, actual: number): ContentError {
  const message = `the body for ${host} has ${actual} bytes, not the announced ${expected}`;
  return new ContentError('SIZE_INVALID', message, { expected, actual });
}

/**
 * Resolves when the connection has taken the chunk; the source may reuse its memory from then on. Resolves with `false`
 * when the connection is closed.
 */
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
