import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAuthorize } from '../../src/auth/authorize.ts';
import { unlessAborted } from '../../src/flow/abort.ts';
import { createLine } from '../../src/http/line.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { referrersTag } from '../../src/spec/referrers-tag.ts';
import type { Repository } from '../../src/store/contract.ts';
import { emptyConfig, give, giveImage, imageOf, listOf, read } from '../../src/testing/contract/sample.ts';
import { createManualClock, timed } from '../../src/time/clock.test.support.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest, HttpResponse, Send } from '../../src/wire/message.ts';
import { answer } from '../../src/wire/reply.ts';
import { createSecrets } from '../../src/wire/secrets.ts';
import { secret } from '../secret.ts';
import { all, listsNoReferrers, operationOf } from './spoil.ts';

/**
 * Small responses that go silent, with the default limits and in virtual time: gantry notices each silence within 40 s,
 * and still reads the response.
 */

const base = 'http://127.0.0.1:5000';
/** Milliseconds. */
const limit = 40_000;
const subject = imageOf();

interface Silence {
  readonly name: string;
  /** Returns whether the response to this request goes silent, once. */
  readonly strikes: (request: HttpRequest) => boolean;
  readonly run: (place: Repository) => Promise<unknown>;
  /** The registry does not know the referrers API. */
  readonly isOld?: true;
  /** The client logs in with an identity token, which goes out by POST. */
  readonly isIdentity?: true;
}

/** The place in an answer at which it goes silent. */
type Point = 'from the start' | 'at half';

const kindIs =
  (kind: string) =>
  (request: HttpRequest): boolean =>
    operationOf(request)?.kind === kind;
const isTag =
  (tag: string) =>
  (request: HttpRequest): boolean => {
    const operation = operationOf(request);
    return operation?.kind === 'manifest.get' && operation.reference === tag;
  };
const refer = (place: Repository, by: string): Promise<unknown> =>
  place.manifests.put(imageOf({ subject: subject.descriptor, annotations: { by } }));

const silences: readonly Silence[] = [
  { name: 'a manifest', strikes: isTag('1'), run: (place) => place.manifests.get('1') },
  {
    name: 'a config',
    strikes: kindIs('blob.get'),
    run: (place) => read(place.blobs.open(emptyConfig.descriptor)),
  },
  { name: 'a list of tags', strikes: kindIs('tags.list'), run: (place) => listOf(place.tags.list()) },
  {
    name: 'a list of referrers',
    strikes: kindIs('referrers'),
    run: (place) => listOf(place.referrers(subject.descriptor.digest)),
  },
  {
    name: 'the fallback list of referrers, read',
    isOld: true,
    strikes: isTag(referrersTag(subject.descriptor.digest)),
    run: (place) => listOf(place.referrers(subject.descriptor.digest)),
  },
  {
    name: 'the fallback list of referrers, to be changed',
    isOld: true,
    strikes: isTag(referrersTag(subject.descriptor.digest)),
    run: (place) => refer(place, 'second'),
  },
  {
    name: 'a token',
    strikes: ({ url }) => url.includes('/token'),
    run: (place) => place.manifests.resolve('1'),
  },
  {
    name: 'a token by POST',
    isIdentity: true,
    strikes: ({ url, method }) => url.includes('/token') && method === 'POST',
    run: (place) => place.manifests.resolve('1'),
  },
];

/** Yields the first half of the body, then nothing until gantry gives up the request. */
async function* silentAtHalf(
  { body }: HttpResponse,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    yield chunk.subarray(0, chunk.byteLength / 2);
    await unlessAborted(new Promise<never>(() => undefined), signal);
  }
}

const token = new TextEncoder().encode(JSON.stringify({ token: secret('silence'), expires_in: 3600 }));

/** Accepts requests with the token, which it gives to everyone. */
function guarded(app: Send): Send {
  return async (request) => {
    if (request.url.includes('/token')) return answer(200, { 'content-type': ['application/json'] }, token);
    if (headerValue(request.headers, 'authorization') !== undefined) return app(request);
    return answer(401, { 'www-authenticate': [`Bearer realm="${base}/token",service="registry"`] });
  };
}

async function play({ strikes, run, isOld, isIdentity }: Silence, silent: Point | 'never'): Promise<number> {
  const memory = createMemoryRegistry();
  const held = memory.repository('app', { actions: ['pull', 'push'] });
  await give(held, emptyConfig);
  await giveImage(held, {}, '1', '2', '3');
  const clock = createManualClock(Date.now());
  let left = silent === 'never' ? 0 : 1;
  const app = guarded(createApp(memory));
  const registry = isOld ? all(listsNoReferrers)(app) : app;
  const transport: Send = async (request) => {
    const response = await registry(request);
    if (left === 0 || response.status !== 200 || !strikes(request)) return response;
    left--;
    if (silent === 'from the start') await unlessAborted(new Promise<never>(() => undefined), request.signal);
    return { ...response, body: silentAtHalf(response, request.signal) };
  };
  const secrets = createSecrets();
  const line = { transport, timeouts: { clock }, retry: { clock }, secrets };
  const authorize = createAuthorize({
    registry: '127.0.0.1:5000',
    origin: base,
    keychain: async () => (isIdentity ? { kind: 'identity', token: secret('refresh') } : undefined),
    send: createLine({ ...line, redirects: false }),
    secrets,
    clock,
  });
  const remote = createRemoteRegistry({
    base,
    registry: '127.0.0.1:5000',
    send: createLine({ ...line, authorize }),
    clock,
    download: { retry: { clock } },
  });
  const place = remote.repository('app', { actions: ['pull', 'push'] });
  // The fallback list has an entry before the silence.
  if (isOld) {
    const kept = left;
    left = 0;
    await timed(clock, refer(place, 'first'));
    left = kept;
  }
  const took = await timed(clock, run(place));
  assert.equal(left, 0, 'the silence has struck');
  return took;
}

const points: readonly (readonly [id: string, point: Point])[] = [
  ['silent-small-body', 'at half'],
  ['silent-token', 'from the start'],
];

for (const [id, point] of points) {
  describe(`${id}: a small answer that is silent ${point}, in virtual time`, () => {
    for (const silence of silences) {
      it(`${id}: ${silence.name} that is silent ${point} is read within 40 s`, {
        timeout: 120_000,
      }, async () => {
        // A first run loads each needed module, which takes no virtual time.
        await play(silence, 'never');
        const took = await play(silence, point);
        assert.ok(took >= 10_000 && took <= limit, `${took / 1000} s`);
      });
    }
  });
}
