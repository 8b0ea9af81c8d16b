import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Client, createClient } from '../../src/client/client.ts';
import { copyImage } from '../../src/copy/copy.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import type { Image } from '../../src/image/image.ts';
import { createIndex, type Index } from '../../src/image/image-index.ts';
import { createLayer } from '../../src/image/layer.ts';
import { imageSource } from '../../src/image/source.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/node.ts';
import type { Registry } from '../../src/store/contract.ts';
import { createRounds, type Rounds } from './rounds.ts';

/**
 * How many requests a verb takes, and how many of them one after the other, on the wire and with a client that knows
 * nothing yet. Registries here want no login: with one, two requests and two rounds come on top for each registry.
 * The numbers are exact: who makes one smaller writes the smaller one here.
 */

async function served(test: TestContext, rounds: Rounds): Promise<{ host: string; registry: Registry }> {
  const registry = createMemoryRegistry();
  const listener = await listen(rounds.proxy(createApp(registry)));
  test.after(() => listener.close({ grace: 0 }));
  return { host: listener.url.replace('http://', ''), registry };
}

/** Layers that begin with `shared` ones; the last is `top`. */
function makeImage(architecture: string, layers: number, { shared = 0, top = 'top' } = {}): Image {
  const texts = Array.from({ length: layers }, (_, at) => {
    if (at < shared) return `shared ${at}`;
    return at === layers - 1 ? `${architecture} ${top}` : `${architecture} ${at}`;
  });
  return createImage({
    config: { os: 'linux', architecture },
    layers: texts.map((text) => createLayer(bytesContent(new TextEncoder().encode(text)))),
  });
}

/** Two platforms of four layers each, two of them shared: with the configs eight blobs. */
function makeIndex(): Index {
  const entries = ['amd64', 'arm64'].map((architecture) => ({
    image: makeImage(architecture, 4, { shared: 2 }),
    platform: { os: 'linux', architecture },
  }));
  return createIndex(entries);
}

async function store(registry: Registry, name: string, image: Image | Index): Promise<void> {
  const { repository, root } = await imageSource(image);
  await copyImage(repository, root.digest, registry.repository(name), { tags: ['1'] });
}

interface Scene {
  readonly client: Client;
  /** `127.0.0.1:40000`, which holds a 5-layer image as `app:1` and an index as `index:1`. */
  readonly full: string;
  /** A registry that holds nothing. */
  readonly empty: string;
  readonly folder: string;
}

const image = makeImage('amd64', 5);

async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source);
}

const rows: readonly {
  readonly name: string;
  readonly run: (scene: Scene) => Promise<unknown>;
  readonly requests: number;
  readonly depth: number;
}[] = [
  {
    // Wanted, token login included: 22 and 6, warm 4. Each blob is asked for, begun and sent; four go at a time.
    name: 'push of a new image of 5 layers',
    run: ({ client, empty }) => client.pushImage(`${empty}/app:1`, image),
    requests: 20,
    depth: 6,
  },
  {
    // Wanted: 9 and 3, warm 1.
    name: 'push of what is there',
    run: ({ client, full }) => client.pushImage(`${full}/app:1`, image),
    requests: 7,
    depth: 1,
  },
  {
    // Wanted: 10 and 4.
    name: 'push of what is there under a new tag',
    run: ({ client, full }) => client.pushImage(`${full}/app:2`, image),
    requests: 8,
    depth: 2,
  },
  {
    // Wanted: 10 and 2 for each new blob (the layer and the config: 14), and 6.
    name: 'push with one layer changed',
    run: ({ client, full }) => client.pushImage(`${full}/app:2`, makeImage('amd64', 5, { top: 'changed' })),
    requests: 12,
    depth: 4,
  },
  {
    // Wanted, token login on both sides included: 45 and 9.
    name: 'copy of an index of 2 platforms and 8 blobs to another registry',
    run: ({ client, full, empty }) => client.copy(`${full}/index:1`, `${empty}/index:1`),
    requests: 41,
    depth: 11,
  },
  {
    // No number is wanted; each blob is asked for and mounted.
    name: 'copy of that index within its registry',
    run: ({ client, full }) => client.copy(`${full}/index:1`, `${full}/copy:1`),
    requests: 25,
    depth: 6,
  },
  {
    // Wanted: 4 requests.
    name: 'tag',
    run: ({ client, full }) => client.tag(`${full}/app:1`, 'latest'),
    requests: 2,
    depth: 2,
  },
  {
    // Wanted: 3 requests.
    name: 'digest',
    run: ({ client, full }) => client.getDescriptor(`${full}/app:1`),
    requests: 1,
    depth: 1,
  },
  {
    // Wanted: 3 requests.
    name: 'ls',
    run: ({ client, full }) => drain(client.tags(`${full}/app`)),
    requests: 1,
    depth: 1,
  },
  {
    // No number is wanted; four blobs at a time.
    name: 'pull of an image of 5 layers into an archive',
    run: ({ client, full, folder }) => client.pull([`${full}/app:1`], join(folder, 'app.tar')),
    requests: 7,
    depth: 3,
  },
  {
    // No number is wanted.
    name: 'pull of that index into a layout',
    run: ({ client, full, folder }) =>
      client.pull([`${full}/index:1`], join(folder, 'oci'), { format: 'oci' }),
    requests: 11,
    depth: 4,
  },
];

describe('on the wire', () => {
  for (const { name, run, ...expected } of rows) {
    it(`${name} takes ${expected.requests} requests, ${expected.depth} after one another`, async (test) => {
      const rounds = createRounds();
      const [full, empty] = [await served(test, rounds), await served(test, rounds)];
      await store(full.registry, 'app', image);
      await store(full.registry, 'index', makeIndex());
      const folder = await mkdtemp(join(tmpdir(), 'gantry-counts-'));
      test.after(() => rm(folder, { recursive: true, force: true }));
      await using client = createClient({ keychain: async () => undefined });
      await run({ client, full: full.host, empty: empty.host, folder });
      const { requests, depth, rounds: asked } = rounds.take();
      assert.deepEqual({ requests, depth }, expected, JSON.stringify(asked, undefined, 1));
    });
  }
});
