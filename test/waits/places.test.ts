import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { classicFiles, folder, sampleImage, saveTar } from '../../src/archive/archives.test.samples.ts';
import { openArchive } from '../../src/archive/read.ts';
import { alice, answer, stage } from '../../src/auth/stage.test.support.ts';
import { blobPath } from '../../src/blobfile/blob-file.ts';
import { FileUpload } from '../../src/blobfile/upload.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { bytesContent, type Content, streamContent } from '../../src/flow/content.ts';
import { createSemaphore } from '../../src/flow/semaphore.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { createLayer } from '../../src/image/layer.ts';
import { SoundBlobs } from '../../src/layout/sound.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createCapabilities } from '../../src/remote/capabilities.ts';
import { createRootMemory } from '../../src/remote/known-roots.ts';
import { hasReferrersApi } from '../../src/remote/referrers.ts';
import { createResources } from '../../src/remote/resources.ts';
import { scripted } from '../../src/remote/upload/scripted.test.support.ts';
import { RemoteUpload } from '../../src/remote/upload/session.ts';
import { sendStream } from '../../src/remote/upload/stream.ts';
import { createPasswordCheck } from '../../src/server/access/password-check.ts';
import { createApp } from '../../src/server/app.ts';
import { asking, Gate, streamOf } from '../../src/server/ask.test.support.ts';
import { defaultLimits } from '../../src/server/limits.ts';
import { openSessions } from '../../src/server/sessions.ts';
import type { Registry } from '../../src/store/contract.ts';
import { blobOf, noise } from '../../src/testing/contract/sample.ts';
import { createManualClock } from '../../src/time/clock.test.support.ts';
import type { Send } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { passwordOf, standingClock } from '../server/access-stage.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = (): Promise<never> => new Promise(() => undefined);
const reason = new Error('enough');
const isReason = (error: unknown): boolean => error === reason;
const sample = blobOf(noise(1000));
const minutes = (count: number): number => count * 60_000;

/** Makes content that brings one piece, and then nothing for ever. */
function silent(onOpen: () => void = () => undefined): Content {
  return streamContent(
    (async function* brings(): AsyncIterable<Uint8Array> {
      onOpen();
      yield new Uint8Array(10);
      await never();
    })(),
  );
}

describe('endless-waits: the first request to a registry', () => {
  it('the first request to a registry holds others up for a minute at most', async () => {
    const { send, shown, clock } = stage({
      registry: () => (shown.length === 1 ? never() : answer(200)),
      credential: alice,
    });
    void send();
    const second = send();
    await settled();
    assert.equal(shown.length, 1);
    await clock.advance(60_000);
    assert.equal((await second).status, 200);
  });

  it('the first request to a registry lets the others go when it is aborted', async () => {
    const { send, shown } = stage({
      registry: (request) =>
        shown.length > 1
          ? answer(200)
          : new Promise((_, reject) =>
              request.signal?.addEventListener('abort', () => reject(request.signal?.reason)),
            ),
      credential: alice,
    });
    const leave = new AbortController();
    const first = send({ signal: leave.signal });
    const second = send();
    await settled();
    leave.abort(reason);
    await assert.rejects(first, isReason);
    assert.equal((await second).status, 200);
  });
});

const exchangeOf = (send: Send, capabilities = createCapabilities()) => ({
  base: 'http://registry.test',
  registry: 'registry.test',
  send,
  download: {},
  capabilities,
  fallbackLists: new Map(),
  resources: createResources(),
  roots: createRootMemory({ place: 'http://registry.test' }),
  scopes: [],
});

const list = (): ReturnType<typeof answer> =>
  answer(200, {
    headers: { 'content-type': ['application/vnd.oci.image.index.v1+json'] },
    body: '{"schemaVersion":2,"manifests":[]}',
  });

describe('endless-waits: the question whether a registry lists referrers', () => {
  const { digest } = sample.descriptor;

  it('the next caller asks whether a registry lists referrers when the first one aborts', async () => {
    const app = createApp(createMemoryRegistry());
    let asked = 0;
    const exchange = exchangeOf((request) => {
      if (++asked > 1) return app(request);
      return new Promise((_, reject) =>
        request.signal?.addEventListener('abort', () => reject(request.signal?.reason)),
      );
    });
    const leave = new AbortController();
    const first = hasReferrersApi(exchange, 'a', digest, { signal: leave.signal });
    const second = hasReferrersApi(exchange, 'a', digest);
    await settled();
    leave.abort(reason);
    await assert.rejects(first, isReason);
    assert.equal(await second, true);
    assert.equal(asked, 2);
  });

  it('the next caller asks whether a registry lists referrers when the first one gets no answer', async () => {
    const clock = createManualClock();
    let asked = 0;
    const exchange = exchangeOf(async () => (++asked > 1 ? list() : never()), createCapabilities(clock));
    void hasReferrersApi(exchange, 'a', digest);
    const second = hasReferrersApi(exchange, 'a', digest);
    await settled();
    await clock.advance(minutes(30));
    assert.equal(await second, true);
  });
});

describe('endless-waits: streams to registries', () => {
  it('let another one in when none of them gets on for five minutes', async () => {
    const clock = createManualClock();
    const places = createSemaphore(1, { clock, patience: minutes(5) });
    const { repository, inside } = scripted({});
    const send = async (content: Content): Promise<unknown> =>
      sendStream(
        {
          content,
          algorithm: 'sha256',
          start: async () => {
            const upload = await repository.blobs.start();
            assert.ok(upload instanceof RemoteUpload);
            return upload;
          },
          find: () => repository.blobs.stat(sample.descriptor.digest),
          chunk: () => 400,
          headers: {},
        },
        {},
        places,
      );
    const opened = new Gate();
    void send(silent(opened.open));
    await opened.opened;
    const second = send(streamContent(bytesContent(sample.bytes).open()));
    await settled();
    assert.equal(await inside.blobs.stat(sample.descriptor.digest), undefined);
    await clock.advance(minutes(10));
    await second;
    assert.equal((await inside.blobs.stat(sample.descriptor.digest))?.size, 1000);
  });
});

describe('endless-waits: one reading for several callers', () => {
  it('the next caller reads a layer when the first one aborts', async () => {
    let opened = 0;
    const layer = createLayer({
      replayable: true,
      async *open({ signal } = {}) {
        if (++opened === 1)
          await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
        yield sample.bytes;
      },
    });
    const leave = new AbortController();
    const first = layer.descriptor({ signal: leave.signal });
    const second = layer.descriptor();
    await settled();
    leave.abort(reason);
    await assert.rejects(first, isReason);
    assert.equal((await second).digest, sample.descriptor.digest);
    assert.equal(opened, 2);
  });

  it('the next caller reads a blob of a layout when the first one aborts', async (test) => {
    const root = folder(test);
    const blob = blobOf(noise(4_000_000));
    const path = blobPath(root, blob.descriptor.digest);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, blob.bytes);
    const sound = new SoundBlobs(root);
    const [leave, also] = [new AbortController(), new AbortController()];
    const first = sound.has(blob.descriptor, { signal: leave.signal });
    const second = sound.has(blob.descriptor, { signal: also.signal });
    const third = sound.has(blob.descriptor);
    leave.abort(reason);
    also.abort(reason);
    await Promise.all([first, second].map((one) => assert.rejects(one, isReason)));
    assert.equal(await third, true);
  });

  it('a layer of an archive is packed for the other callers when the first one aborts', async (test) => {
    const image = await sampleImage('waits');
    const archive = await openArchive(await saveTar(test, classicFiles(image, ['a:1', 'a:2'])));
    atEnd(test, () => archive[Symbol.asyncDispose]());
    const leave = new AbortController();
    const first = archive.manifests.resolve('1', { signal: leave.signal });
    const second = archive.manifests.resolve('1');
    leave.abort(reason);
    await assert.rejects(first, isReason);
    assert.ok(await second);
  });
});

describe('endless-waits: certificates that a function of the caller brings', () => {
  it("certificates are requested again when the caller's function never answered", async (test) => {
    let asked = 0;
    const transport = createNodeTransport({
      async tls() {
        asked++;
        return never();
      },
    });
    atEnd(test, () => transport.close());
    for (const count of [1, 2]) {
      const leave = new AbortController();
      const sent = transport.send({
        method: 'GET',
        url: 'https://registry.invalid/v2/',
        headers: {},
        replay: 'safe',
        signal: leave.signal,
      });
      await settled();
      leave.abort(reason);
      await assert.rejects(sent, isReason);
      assert.equal(asked, count);
    }
  });
});

describe('endless-waits: a login that never answers', () => {
  it('a login that never answers is TIMED_OUT for a waiting caller, and keeps no place from the next', async () => {
    let isSilent = true;
    const user = { name: 'alice', stamp: 'one' };
    const login = { find: async () => user, check: async () => (isSilent ? never() : true) };
    const key = crypto.getRandomValues(new Uint8Array(32));
    const passwords = createPasswordCheck(login, { key, clock: standingClock(), longestLook: 1 });
    const waiting = Array.from({ length: 8 }, (_, at) => passwords.check(`user${at}`, passwordOf('alice')));
    // All at once: the first to end need not be the first that began.
    await Promise.all(waiting.map((one) => assert.rejects(one, { code: 'TIMED_OUT' })));
    isSilent = false;
    assert.equal((await passwords.check('alice', passwordOf('alice')))?.name, 'alice');
  });
});

describe('endless-waits: an upload session', () => {
  const places: Readonly<Record<string, (path: string) => Promise<Registry & Partial<AsyncDisposable>>>> = {
    memory: async () => createMemoryRegistry(),
    disk: (path) => openDiskRegistry(path),
  };
  for (const [name, open] of Object.entries(places)) {
    it(`a call that waits for another one leaves an upload session alone, in ${name}`, async (test) => {
      const registry = await open(folder(test));
      atEnd(test, () => registry[Symbol.asyncDispose]?.());
      const upload = await registry.repository('a').blobs.start();
      const [begun, go] = [new Gate(), new Gate()];
      const slow = streamContent(
        (async function* brings(): AsyncIterable<Uint8Array> {
          begun.open();
          await go.opened;
          yield sample.bytes;
        })(),
      );
      const first = upload.append(slow);
      await begun.opened;
      const leave = new AbortController();
      const second = upload.append(streamOf(['x']), { signal: leave.signal });
      leave.abort(reason);
      await assert.rejects(second, isReason);
      go.open();
      await first;
      assert.equal((await upload.commit(sample.descriptor.digest)).size, 1000);
    });
  }

  it('an active upload session is not idle, so the sweep does not wait for its end', async (test) => {
    const upload = await FileUpload.start({
      id: 'a',
      path: join(folder(test), 'a'),
      algorithm: 'sha256',
      keep: async () => undefined,
      forget: async () => undefined,
    });
    const [begun, go] = [new Gate(), new Gate()];
    const content = streamContent(
      (async function* brings(): AsyncIterable<Uint8Array> {
        begun.open();
        await go.opened;
        yield sample.bytes;
      })(),
    );
    const held = upload.append(content);
    await begun.opened;
    assert.equal(await upload.expire(0), false);
    go.open();
    await held;
    assert.equal(upload.offset, 1000);
    assert.equal(await upload.expire(0), true);
  });
});

describe('endless-waits: a request for a session that another one holds', () => {
  it('a request for a held session leaves with its own signal', async () => {
    const { ask, location, go } = await heldByTheStore();
    const leave = new AbortController();
    const waiting = ask('PATCH', location, { body: 'more', signal: leave.signal });
    await settled();
    leave.abort(reason);
    await assert.rejects(waiting, isReason);
    go.open();
  });

  it('a request for a held session gets 504 when the store is silent for ever', async () => {
    const clock = createManualClock();
    const { ask, location } = await heldByTheStore(clock);
    const waiting = ask('PATCH', location, { body: 'more' });
    await clock.waiting();
    await clock.advance(minutes(30));
    assert.equal((await waiting).status, 504);
  });
});

/** Waits with a chunk that the store never finishes. */
async function heldByTheStore(clock = createManualClock()) {
  const [arrived, go] = [new Gate(), new Gate()];
  const memory = createMemoryRegistry();
  const registry: Registry = {
    repositories: (options) => memory.repositories(options),
    repository(name, intent) {
      const repository = memory.repository(name, intent);
      const resume: typeof repository.blobs.resume = async (id) => {
        const upload = await repository.blobs.resume(id);
        const append: typeof upload.append = async (content, options) => {
          await upload.append(content, options);
          arrived.open();
          await go.opened;
        };
        return {
          id,
          limits: {},
          offset: upload.offset,
          append,
          commit: upload.commit.bind(upload),
          cancel: upload.cancel.bind(upload),
        };
      };
      return { ...repository, blobs: { ...repository.blobs, resume } };
    },
  };
  const sessions = openSessions({ ...defaultLimits, patience: minutes(60) }, { clock });
  const ask = asking(createApp(registry, { sessions }));
  const location = (await ask('POST', '/v2/a/blobs/uploads/')).header('location') ?? '';
  const first = ask('PATCH', location, { body: 'hello' });
  first.catch(() => undefined);
  await arrived.opened;
  return { ask, location, go };
}
