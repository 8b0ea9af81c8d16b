import { TransportError } from '../../errors.ts';
import { mapContent } from '../../flow/content.ts';
import { createMemoryRegistry } from '../../memory/registry.ts';
import { createApp } from '../../server/app.ts';
import type { Repository } from '../../store/contract.ts';
import type { Clock } from '../../time/clock.ts';
import { contentLength, headerValue } from '../../wire/headers.ts';
import type { HttpRequest, HttpResponse, Send } from '../../wire/message.ts';
import { answer } from '../../wire/reply.ts';
import { parseOperation } from '../../wire/route.ts';
import { createRemoteRegistry } from '../registry.ts';
import type { UploadOptions } from './plan.ts';

/** Handles one request in place of the registry. */
export type Fate = (send: Send, request: HttpRequest) => Promise<HttpResponse>;

export interface ScriptedRegistry {
  readonly repository: Repository;
  /** The content of the registry. */
  readonly inside: Repository;
  /** Each request as `append 0-9`, `commit`, `status`: its kind, and its Content-Range if it has one. */
  readonly asked: readonly string[];
}

/** A clock whose waits end at once. */
const hasty: Clock = {
  now: () => 0,
  after(_, wake) {
    queueMicrotask(wake);
    return () => undefined;
  },
};

/** A registry that handles the first requests of each kind by the script, and the others as usual. */
export function scripted(
  script: Readonly<Record<string, readonly Fate[]>>,
  { retry, ...upload }: UploadOptions = {},
): ScriptedRegistry {
  const memory = createMemoryRegistry();
  const app = createApp(memory, { anonymousMounts: false });
  const asked: string[] = [];
  const counts = new Map<string, number>();
  const remote = createRemoteRegistry({
    base: 'http://registry.test',
    upload: { retry: { attempts: 3, initial: 1, clock: hasty, ...retry }, ...upload },
    send(request) {
      const { kind } = parseOperation(request.method, request.url);
      const name = kind.replace(/^upload\./, '');
      const range = headerValue(request.headers, 'content-range');
      asked.push(range === undefined ? name : `${name} ${range}`);
      const count = counts.get(name) ?? 0;
      counts.set(name, count + 1);
      const fate = script[name]?.[count];
      return fate === undefined ? app(request) : fate(app, request);
    },
  });
  return {
    repository: remote.repository('acme/app', { actions: ['pull', 'push'] }),
    inside: memory.repository('acme/app'),
    asked,
  };
}

/** Gives every request of a kind the same fate. */
export function always(fate: Fate): readonly Fate[] {
  return new Proxy<Fate[]>([], { get: () => fate });
}

export const passes: Fate = (send, request) => send(request);

export const answers =
  (status: number, headers: Readonly<Record<string, readonly string[]>> = {}): Fate =>
  async () =>
    answer(status, headers);

/** Refuses larger bodies, as a proxy does. */
export const refusesOver =
  (bytes: number): Fate =>
  async (send, request) =>
    (contentLength(request.headers) ?? request.body?.size ?? 0) > bytes ? answer(413) : send(request);

/** Breaks the connection after so many bytes of the request. */
export const cutAfter =
  (bytes: number): Fate =>
  (send, { body, ...request }) =>
    send({
      ...request,
      ...(body === undefined
        ? {}
        : {
            body: mapContent(body, async function* cut(source) {
              let left = bytes;
              for await (const chunk of source) {
                yield chunk.subarray(0, left);
                left -= chunk.byteLength;
                if (left <= 0) throw new TransportError('CUT_OFF', 'the far side is gone');
              }
            }),
          }),
    });

/** Does the request, and loses the answer. */
export const losesAnswer: Fate = async (send, request) => {
  await send(request);
  throw new TransportError('CUT_OFF', 'the far side is gone');
};

/** Gives the answer this Range, or none. */
export const says =
  (range?: string): Fate =>
  async (send, request) => {
    const { headers, ...response } = await send(request);
    const { range: _range, ...rest } = headers;
    return { ...response, headers: range === undefined ? rest : { ...rest, range: [range] } };
  };

/** Makes a title from a subject and the rest of a sentence. The id of a fault before the rest stays in front. */
export function titleOf(subject: string, name: string): string {
  const [, id = '', rest = name] = /^([a-z-]+: )(.*)$/.exec(name) ?? [];
  return `${id}${subject} ${rest}`;
}
