import { createLine } from '../../src/http/line.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import { createApp } from '../../src/server/app.ts';
import type { Repository } from '../../src/store/contract.ts';
import { createManualClock, type ManualClock, timed } from '../../src/time/clock.test.support.ts';
import type { HttpRequest, HttpResponse, Middleware, Send } from '../../src/wire/message.ts';
import { operationOf } from './spoil.ts';

/** A repository of a registry behind a line with the default limits, in virtual time. */
export interface VirtualPlace {
  readonly place: Repository;
  /** The same repository without the line. */
  readonly inside: Repository;
  readonly clock: ManualClock;
  /** The kinds of the requests in their order. */
  readonly asked: readonly string[];
  /** Returns the bytes that have passed in bodies, in both directions. */
  readonly carried: () => number;
  /** Returns the milliseconds that the work took. */
  readonly took: (work: Promise<unknown>) => Promise<number>;
}

/** The fault changes requests and answers, and gets the clock. */
export function virtualPlace(
  fault: (clock: ManualClock) => Middleware,
  upload: UploadOptions = {},
): VirtualPlace {
  const memory = createMemoryRegistry();
  const app = createApp(memory, { anonymousMounts: false });
  const clock = createManualClock(Date.now());
  const asked: string[] = [];
  let moves = 0;
  let bytes = 0;
  const passed = async function* (body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const chunk of body) {
      moves++;
      bytes += chunk.byteLength;
      yield chunk;
    }
  };
  const faulty = fault(clock)(app);
  const transport: Send = async (request: HttpRequest): Promise<HttpResponse> => {
    asked.push(operationOf(request)?.kind ?? request.method);
    moves++;
    const { body } = request;
    const content = body && { ...body, open: (options = {}) => passed(body.open(options)) };
    const response = await faulty({ ...request, ...(content === undefined ? {} : { body: content }) });
    moves++;
    return { ...response, body: passed(response.body) };
  };
  const remote = createRemoteRegistry({
    base: 'http://127.0.0.1:5000',
    send: createLine({ transport, timeouts: { clock }, retry: { clock } }),
    clock,
    download: { retry: { clock } },
    upload: { ...upload, retry: { clock, ...upload.retry } },
  });
  return {
    place: remote.repository('app', { actions: ['pull', 'push'] }),
    inside: memory.repository('app', { actions: ['pull', 'push'] }),
    clock,
    asked,
    carried: () => bytes,
    took: (work) => timed(clock, work, () => moves),
  };
}
