import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { atEnd } from '../../test/at-end.ts';
import type { CopyEvent, CopyObserver } from '../copy/events.ts';
import type { Figures } from '../copy/ledger.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import type { Registry } from '../store/contract.ts';
import { blobOf, giveImage, indexOf, listOf, noise } from '../testing/contract/sample.ts';
import { answer } from '../wire/reply.ts';
import { parseOperation } from '../wire/route.ts';
import { type Client, createClient } from './client.ts';
import { createWatch, watching } from './watch.ts';

const progress = (complete: number, total = 10): CopyEvent => ({
  kind: 'progress',
  moved: complete,
  complete,
  sent: complete,
  total,
});
const bytes = (more: number): Partial<Figures> => ({ moved: more, complete: more, sent: more });
const blob = { kind: 'blob', descriptor: blobOf('x').descriptor, outcome: 'uploaded' } as const;

describe('the observer of a verb', () => {
  it('an observer receives the sum of the copies of its verb, and one end', async () => {
    const events: CopyEvent[] = [];
    await watching({ onEvent: (event) => events.push(event) }, async ({ ledger }) => {
      for (const total of [10, 10]) ledger.add({ ...bytes(4), total });
    });
    assert.deepEqual(events, [
      progress(4),
      progress(8, 20),
      { kind: 'end', moved: 8, complete: 8, sent: 8, total: 20 },
    ]);
  });

  // id: slow-progress-observer
  it('a verb does not wait for a busy observer, which misses only old progress', async () => {
    const seen: CopyEvent[] = [];
    const free: (() => void)[] = [];
    const onEvent: CopyObserver = (event) => {
      seen.push(event);
      return new Promise<void>((resolve) => free.push(resolve));
    };
    await watching({ onEvent }, async ({ ledger }) => {
      ledger.add({ ...bytes(1), total: 10 });
      ledger.add(bytes(1));
      ledger.tell(blob);
      for (let more = 0; more < 2; more++) ledger.add(bytes(1));
    });
    assert.deepEqual(seen, [progress(1)]);
    for (let done = free.shift(); done !== undefined; done = free.shift()) {
      done();
      await turn();
    }
    assert.deepEqual(seen, [
      progress(1),
      blob,
      progress(4),
      { kind: 'end', moved: 4, complete: 4, sent: 4, total: 10 },
    ]);
  });

  for (const [how, fail] of [
    [
      'throws',
      (error: Error) => {
        throw error;
      },
    ],
    ['answers a promise that is rejected', (error: Error) => Promise.reject(error)],
  ] as const) {
    it(`an observer ends the verb with its own error when it ${how}`, async () => {
      const failure = new Error('the screen is gone');
      const ends: CopyEvent[] = [];
      const onEvent: CopyObserver = (event) => (event.kind === 'end' ? ends.push(event) : fail(failure));
      const verb = watching({ onEvent }, async ({ ledger, signal }) => {
        ledger.add({ ...bytes(1), total: 10 });
        await turn();
        signal?.throwIfAborted();
        assert.fail('it went on');
      });
      await assert.rejects(verb, (error) => error === failure);
      assert.deepEqual(ends, [{ kind: 'end', moved: 1, complete: 1, sent: 1, total: 10, error: failure }]);
    });
  }

  it('an observer that throws at the end fails the verb as well', async () => {
    const failure = new Error('the screen is gone');
    const onEvent: CopyObserver = () => {
      throw failure;
    };
    await assert.rejects(
      watching({ onEvent }, async () => 1),
      (error) => error === failure,
    );
  });

  it('the observation leaves the signal of the caller unchanged', () => {
    const { signal } = new AbortController();
    assert.equal(createWatch({ signal }).signal, signal);
    const end = new AbortController();
    const own = createWatch({ signal: end.signal, onEvent: () => undefined }).signal;
    end.abort('enough');
    assert.equal(own?.reason, 'enough');
  });
});

interface Scene {
  readonly client: Client;
  readonly registry: Registry;
  /** Refuses every request from now on. */
  refuse(): void;
  readonly folder: string;
}

async function open(test: TestContext): Promise<Scene> {
  const registry = createMemoryRegistry();
  const app = createApp(registry);
  let refuses = false;
  const client = createClient({
    keychain: async () => undefined,
    transport: (request) => (refuses ? Promise.resolve(answer(403)) : app(request)),
  });
  const place = registry.repository('from');
  const image = await giveImage(place, { layers: [blobOf('a layer')] }, 'one', 'two');
  await place.manifests.put(indexOf([image.descriptor]), { tags: ['all'] });
  const folder = await mkdtemp(join(tmpdir(), 'gantry-watch-'));
  atEnd(test, () => rm(folder, { recursive: true, force: true }));
  await client.pull(['registry.test/from:one'], join(folder, 'image'), { format: 'oci' });
  return {
    client,
    registry,
    folder,
    refuse: () => {
      refuses = true;
    },
  };
}

const from = 'registry.test/from';
const to = 'registry.test/to';

const verbs: readonly {
  readonly name: string;
  /** Its arguments are made before the observation begins. */
  readonly prepare: (scene: Scene) => Promise<(onEvent: CopyObserver) => Promise<unknown>>;
}[] = [
  {
    name: 'push',
    prepare:
      async ({ client, folder }) =>
      (onEvent) =>
        client.push(join(folder, 'image'), `${to}:1`, { onEvent }),
  },
  {
    name: 'push of an index',
    prepare:
      async ({ client, folder }) =>
      (onEvent) =>
        client.push(join(folder, 'image'), `${to}:1`, { index: true, onEvent }),
  },
  {
    name: 'pull of two images',
    prepare:
      async ({ client, folder }) =>
      (onEvent) =>
        client.pull([`${from}:one`, `${from}:all`], join(folder, 'both'), { format: 'oci', onEvent }),
  },
  {
    name: 'copy',
    prepare:
      async ({ client }) =>
      (onEvent) =>
        client.copy(`${from}:all`, `${to}:all`, { onEvent }),
  },
  {
    name: 'copy of a repository',
    prepare:
      async ({ client }) =>
      (onEvent) =>
        listOf(client.copyRepository(from, to, { onEvent })),
  },
  {
    name: 'push of an image view',
    async prepare({ client }) {
      const image = await client.getImage(`${from}:one`);
      return (onEvent) => client.pushImage(`${to}:1`, image, { onEvent });
    },
  },
  {
    name: 'push of an index view',
    async prepare({ client }) {
      const index = await client.getIndex(`${from}:all`);
      return (onEvent) => client.pushIndex(`${to}:1`, index, { onEvent });
    },
  },
];

function figuresOf(events: readonly CopyEvent[]): readonly number[] {
  return events.flatMap((event) => (event.kind === 'progress' || event.kind === 'end' ? [event.moved] : []));
}

describe('the figure of a copy', () => {
  it('progress-stands-still: the figure moves with the sent bytes, before the registry acknowledges them', async () => {
    const layer = blobOf(noise(3_000_000));
    const source = createMemoryRegistry();
    await giveImage(source.repository('from'), { layers: [layer] }, '1');
    const apps = { 'source.test': createApp(source), 'registry.test': createApp(createMemoryRegistry()) };
    const events: CopyEvent[] = [];
    /** The figures reported before the registry answered, when the last byte of the blob had arrived. */
    const told: (CopyEvent | undefined)[] = [];
    const client = createClient({
      keychain: async () => undefined,
      async transport(request) {
        const { hostname, pathname, search } = new URL(request.url);
        const response = await apps[hostname === 'source.test' ? hostname : 'registry.test'](request);
        const operation = parseOperation(request.method, pathname + search);
        if (operation.kind === 'upload.commit' && request.body?.size === layer.bytes.byteLength) {
          told.push(events.findLast(({ kind }) => kind === 'progress'));
        }
        return response;
      },
    });
    await client.copy('source.test/from:1', `${to}:1`, { onEvent: (event) => events.push(event) });
    const [before] = told;
    assert.ok(before?.kind === 'progress');
    assert.ok(before.moved >= layer.bytes.byteLength);
    assert.ok(before.complete < layer.bytes.byteLength);
  });
});

describe('the last event', () => {
  for (const { name, prepare } of verbs) {
    // id: progress-end
    it(`the last event of a ${name} is its end, once, with everything complete`, async (test) => {
      const run = await prepare(await open(test));
      const events: CopyEvent[] = [];
      await run((event) => events.push(event));
      assert.equal(events.filter(({ kind }) => kind === 'end').length, 1);
      const last = events.at(-1);
      assert.ok(last?.kind === 'end' && last.error === undefined);
      assert.ok(last.total > 0 && last.complete === last.total && last.moved === last.total);
      const moved = figuresOf(events);
      assert.deepEqual(
        moved,
        moved.toSorted((a, b) => a - b),
      );
    });

    // id: progress-end-with-error
    it(`the last event of a failed ${name} is its end, once, with the error`, async (test) => {
      const scene = await open(test);
      const run = await prepare(scene);
      scene.refuse();
      const events: CopyEvent[] = [];
      const error: unknown = await run((event) => events.push(event)).catch((reason: unknown) => reason);
      assert.ok(error instanceof Error);
      assert.equal(events.filter(({ kind }) => kind === 'end').length, 1);
      const last = events.at(-1);
      assert.ok(last?.kind === 'end' && last.error === error);
    });

    it(`a ${name} whose observer throws sends no further event and sets no tag`, async (test) => {
      const scene = await open(test);
      const run = await prepare(scene);
      const failure = new Error('the screen is gone');
      const throwing: CopyObserver = () => {
        throw failure;
      };
      await assert.rejects(run(throwing), (error) => error === failure);
      for (const tag of ['1', 'all', 'one', 'two']) {
        assert.equal(await scene.registry.repository('to').manifests.resolve(tag), undefined);
      }
    });
  }
});
