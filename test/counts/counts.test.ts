import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Count, createRounds, type Rounds } from '../../bench/support/rounds.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { createRootNotes } from '../../src/client/root-notes.ts';
import { copyImage } from '../../src/copy/copy.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createIndex } from '../../src/image/create-index.ts';
import type { Image } from '../../src/image/image.ts';
import type { Index } from '../../src/image/image-index.ts';
import { createLayer } from '../../src/image/layer.ts';
import { imageSource } from '../../src/image/source.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/node/listen.ts';
import type { Signer } from '../../src/sign/signer.ts';
import type { Registry } from '../../src/store/contract.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { keychain, withTokenLogin } from './token-login.ts';

/**
 * The number of requests of each verb on the wire, and of those that follow one another: `open` at registries without a
 * login, `login` at registries with a token service, whose requests count too. `warm` repeats the verb with other
 * content, after the client has learned and stored everything. The numbers are exact: a change that saves requests
 * updates them here.
 */

async function served(
  test: TestContext,
  rounds: Rounds,
  guard: Middleware,
): Promise<{ host: string; registry: Registry }> {
  const registry = createMemoryRegistry();
  const listener = await listen(rounds.proxy(guard(createApp(registry))));
  atEnd(test, () => listener.close({ grace: 0 }));
  return { host: listener.url.replace('http://', ''), registry };
}

/** Returns layers that begin with `shared` ones; the last is `top`. */
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

/** Returns an index of platforms with four layers each, two of them shared: with the configs eight blobs for two. */
function makeIndex(platforms: readonly string[] = ['amd64', 'arm64']): Index {
  const entries = platforms.map((architecture) => ({
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
const changed = makeImage('amd64', 5, { top: 'changed' });
const other = makeImage('arm64', 5);
const four = makeIndex(['amd64', 'arm64', 'riscv64', 's390x']);

async function drain(source: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of source);
}

const signer = signerOfTest();
function signerOfTest(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    publicKey: String(publicKey.export({ type: 'spki', format: 'pem' })),
    sign: async (message) => sign('sha256', message, privateKey),
  };
}

interface Expected {
  readonly requests: number;
  readonly depth: number;
}

const rows: readonly {
  readonly name: string;
  readonly run: (scene: Scene) => Promise<unknown>;
  readonly open: Expected;
  readonly login: Expected;
  /** Runs first and is not counted. The client knows the login after it. */
  readonly before?: (scene: Scene) => Promise<unknown>;
  /** The count with a login, after `before`. */
  readonly warm?: Expected;
  /** Runs first, by another client with the same notes on roots, and is not counted. */
  readonly earlier?: (scene: Scene) => Promise<unknown>;
  /** The counts of a new client after `earlier`, without and with a login. */
  readonly again?: Expected;
  readonly againLogin?: Expected;
  /** The requests of each round of `again`. */
  readonly againAsks?: readonly (readonly string[])[];
}[] = [
  {
    // Each blob takes a probe, a start and a PUT. Goal with a login: 22 and 6, warm 4.
    name: 'push of a new image of 5 layers',
    run: ({ client, empty }) => client.pushImage(`${empty}/app:1`, image),
    open: { requests: 20, depth: 4 },
    login: { requests: 22, depth: 6 },
    before: ({ client, empty }) => client.pushImage(`${empty}/app:0`, other),
    warm: { requests: 20, depth: 4 },
  },
  {
    // Goal: 9 and 3, warm 1.
    name: 'push of existing content',
    run: ({ client, full }) => client.pushImage(`${full}/app:1`, image),
    open: { requests: 7, depth: 1 },
    login: { requests: 9, depth: 3 },
    before: ({ client, full }) => client.pushImage(`${full}/app:0`, other),
    warm: { requests: 7, depth: 1 },
    earlier: ({ client, full }) => client.pushImage(`${full}/app:1`, image),
    again: { requests: 1, depth: 1 },
    againLogin: { requests: 3, depth: 3 },
    againAsks: [['HEAD manifests']],
  },
  {
    // Goal: 10 and 4.
    name: 'push of existing content under a new tag',
    run: ({ client, full }) => client.pushImage(`${full}/app:2`, image),
    open: { requests: 8, depth: 2 },
    login: { requests: 10, depth: 4 },
    earlier: ({ client, full }) => client.pushImage(`${full}/app:1`, image),
    again: { requests: 2, depth: 2 },
    againLogin: { requests: 4, depth: 4 },
    // One HEAD by digest, then the PUT.
    againAsks: [['HEAD manifests'], ['PUT manifests']],
  },
  {
    // The gate holds the answer about the root for longer than gantry waits for it, unless an earlier client has noted the root.
    name: 'push of an index of 4 platforms that is there',
    run: ({ client, full }) => client.pushIndex(`${full}/four:1`, four),
    open: { requests: 19, depth: 1 },
    login: { requests: 21, depth: 3 },
    earlier: ({ client, full }) => client.pushIndex(`${full}/four:1`, four),
    again: { requests: 1, depth: 1 },
    againLogin: { requests: 3, depth: 3 },
    againAsks: [['HEAD manifests']],
  },
  {
    name: 'push of an index of 4 platforms that is there, under a new tag',
    run: ({ client, full }) => client.pushIndex(`${full}/four:2`, four),
    open: { requests: 20, depth: 2 },
    login: { requests: 22, depth: 4 },
    earlier: ({ client, full }) => client.pushIndex(`${full}/four:1`, four),
    again: { requests: 2, depth: 2 },
    againLogin: { requests: 4, depth: 4 },
    againAsks: [['HEAD manifests'], ['PUT manifests']],
  },
  {
    // Goal: 10 and 2 for each new blob (the layer and the config: 14), and 6.
    name: 'push with one layer changed',
    run: ({ client, full }) => client.pushImage(`${full}/app:2`, changed),
    open: { requests: 12, depth: 4 },
    login: { requests: 14, depth: 6 },
    earlier: ({ client, full }) => client.pushImage(`${full}/app:1`, image),
    again: { requests: 12, depth: 4 },
    againLogin: { requests: 14, depth: 6 },
  },
  {
    name: 'push with one layer changed under the same tag',
    run: ({ client, full }) => client.pushImage(`${full}/app:1`, changed),
    open: { requests: 12, depth: 4 },
    login: { requests: 14, depth: 6 },
    earlier: ({ client, full }) => client.pushImage(`${full}/app:1`, image),
    again: { requests: 12, depth: 4 },
    againLogin: { requests: 14, depth: 6 },
  },
  {
    // The client reads a blob while its upload starts. Goal: 45 and 9.
    name: 'copy of an index of 2 platforms and 8 blobs to another registry',
    run: ({ client, full, empty }) => client.copy(`${full}/index:1`, `${empty}/index:1`),
    open: { requests: 41, depth: 7 },
    login: { requests: 45, depth: 9 },
    // One HEAD at each side.
    earlier: ({ client, full, empty }) => client.copy(`${full}/index:1`, `${empty}/index:1`),
    again: { requests: 2, depth: 1 },
    againLogin: { requests: 6, depth: 3 },
    againAsks: [['HEAD manifests', 'HEAD manifests']],
  },
  {
    // The question for the existing tag comes first and is the only one about the tag.
    name: 'copy of that index with noClobber',
    run: ({ client, full, empty }) => client.copy(`${full}/index:1`, `${empty}/index:1`, { noClobber: true }),
    open: { requests: 41, depth: 8 },
    login: { requests: 45, depth: 12 },
  },
  {
    name: 'copy of all tags of a repository to another registry',
    run: ({ client, full, empty }) => drain(client.copyRepository(`${full}/index`, `${empty}/index`)),
    open: { requests: 42, depth: 8 },
    login: { requests: 46, depth: 10 },
    // Both lists of tags, and then one HEAD at each side for the tag.
    earlier: ({ client, full, empty }) => drain(client.copyRepository(`${full}/index`, `${empty}/index`)),
    again: { requests: 4, depth: 2 },
    againLogin: { requests: 8, depth: 4 },
  },
  {
    // The gate holds the destination's response for longer than gantry waits for it. A near registry also saves the
    // GET.
    name: 'copy of an index that is there',
    run: ({ client, full }) => client.copy(`${full}/index:1`, `${full}/index:1`),
    open: { requests: 2, depth: 1 },
    login: { requests: 4, depth: 3 },
  },
  {
    // Without a goal. Each blob takes a probe and a mount.
    name: 'copy of that index within its registry',
    run: ({ client, full }) => client.copy(`${full}/index:1`, `${full}/copy:1`),
    open: { requests: 25, depth: 6 },
    login: { requests: 27, depth: 8 },
  },
  {
    // The manifest; the config; the start for the new config beside all probes; its PUT; the new manifest.
    name: 'edit of the config of an image of 5 layers, under another tag',
    run: ({ client, full }) =>
      client.edit(`${full}/app:1`, (view) => view.withConfig({ labels: { a: 'b' } }), {
        to: `${full}/app:2`,
      }),
    open: { requests: 11, depth: 5 },
    // The first token is for reading only.
    login: { requests: 14, depth: 8 },
  },
  {
    // The manifest; the empty config and the bundle, of which the bundle is not asked for; the manifest of the signature.
    name: 'sign of an image',
    run: ({ client, full }) => client.sign(`${full}/app:1`, { signer }),
    open: { requests: 7, depth: 5 },
    login: { requests: 9, depth: 7 },
  },
  {
    // The digest; the referrers and the tags of both kinds; the manifest; the bundle.
    name: 'verify of a signed image',
    earlier: ({ client, full }) => client.sign(`${full}/app:1`, { signer }),
    run: ({ client, full }) =>
      client.verify(`${full}/app:1`, { keys: [signer.publicKey] }).catch(() => undefined),
    open: { requests: 4, depth: 2 },
    login: { requests: 6, depth: 4 },
    again: { requests: 6, depth: 4 },
    againLogin: { requests: 8, depth: 6 },
  },
  {
    // Goal: 4 requests.
    name: 'tag',
    run: ({ client, full }) => client.tag(`${full}/app:1`, 'latest'),
    open: { requests: 2, depth: 2 },
    login: { requests: 4, depth: 4 },
  },
  {
    // Goal: 3 requests.
    name: 'digest',
    run: ({ client, full }) => client.getDescriptor(`${full}/app:1`),
    open: { requests: 1, depth: 1 },
    login: { requests: 3, depth: 3 },
  },
  {
    // Goal: 3 requests.
    name: 'ls',
    run: ({ client, full }) => drain(client.tags(`${full}/app`)),
    open: { requests: 1, depth: 1 },
    login: { requests: 3, depth: 3 },
  },
  {
    // Without a goal.
    name: 'pull of an image of 5 layers into an archive',
    run: ({ client, full, folder }) => client.pull([`${full}/app:1`], join(folder, 'app.tar')),
    open: { requests: 7, depth: 2 },
    login: { requests: 9, depth: 4 },
  },
  {
    // Without a goal.
    name: 'pull of that index into a layout',
    run: ({ client, full, folder }) =>
      client.pull([`${full}/index:1`], join(folder, 'oci'), { format: 'oci' }),
    open: { requests: 11, depth: 3 },
    login: { requests: 13, depth: 5 },
  },
  {
    // The root, then the children together, then all blobs together.
    name: 'pull of an index of 4 platforms into a layout',
    run: ({ client, full, folder }) =>
      client.pull([`${full}/four:1`], join(folder, 'oci'), { format: 'oci' }),
    open: { requests: 19, depth: 3 },
    login: { requests: 21, depth: 5 },
  },
];

const kinds = ['open', 'login', 'warm', 'again', 'againLogin'] as const;
const openKinds: readonly string[] = ['open', 'again'];

/** A busy machine can make a transfer deeper, and never flatter, so one play with the right depth proves it. */
const plays = 4;

async function check(
  test: TestContext,
  kind: (typeof kinds)[number],
  row: (typeof rows)[number],
): Promise<void> {
  let count = await play(test, kind, row);
  for (let left = plays - 1; left > 0 && count.depth > (row[kind]?.depth ?? 0); left--) {
    count = await play(test, kind, row);
  }
  const { requests, depth, rounds } = count;
  assert.deepEqual({ requests, depth }, row[kind], JSON.stringify(rounds, undefined, 1));
  if (kind === 'again' && row.againAsks !== undefined) assert.deepEqual(rounds, row.againAsks);
}

async function play(
  test: TestContext,
  kind: (typeof kinds)[number],
  row: (typeof rows)[number],
): Promise<Count> {
  const rounds = createRounds();
  const isOpen = openKinds.includes(kind);
  const guard: Middleware = isOpen ? (send) => send : withTokenLogin;
  const [full, empty] = [await served(test, rounds, guard), await served(test, rounds, guard)];
  await store(full.registry, 'app', image);
  await store(full.registry, 'index', makeIndex());
  await store(full.registry, 'four', four);
  const own = await folder(test);
  const options = {
    keychain: isOpen ? async () => undefined : keychain,
    rootNotes: createRootNotes(join(own, 'roots')),
  };
  const scene = { full: full.host, empty: empty.host, folder: own };
  if (kind === 'again' || kind === 'againLogin') {
    await using client = createClient(options);
    await row.earlier?.({ ...scene, client });
  }
  await using client = createClient(options);
  if (kind === 'warm') await row.before?.({ ...scene, client });
  rounds.take();
  await row.run({ ...scene, client });
  return rounds.take();
}

for (const kind of kinds) {
  describe(`on the wire, ${kind}`, () => {
    for (const row of rows) {
      const expected = row[kind];
      if (expected === undefined) continue;
      it(`${row.name} takes ${expected.requests} requests, ${expected.depth} after one another`, (test) =>
        check(test, kind, row));
    }
  });
}
