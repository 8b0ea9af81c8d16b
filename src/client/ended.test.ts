import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { secret } from '../../test/secret.ts';
import { folder } from '../archive/archives.test.samples.ts';
import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { createImage } from '../image/create.ts';
import { createIndex } from '../image/create-index.ts';
import { createLayer } from '../image/layer.ts';
import { openLayout } from '../layout/repository.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { listen } from '../server/node/listen.ts';
import type { SignalOptions } from '../store/contract.ts';
import { blobOf, giveImage, imageOf, listOf } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import { type Client, createClient } from './client.ts';

const layer = blobOf('layer');
const image = createImage({
  config: { os: 'linux', architecture: 'amd64' },
  layers: [createLayer(layer.content, { diffId: layer.descriptor.digest })],
});
const reason = new Error('the caller has enough');

interface Scene {
  readonly client: Client;
  readonly host: string;
  readonly layout: string;
  /** Resolves when the registry has this number of requests, all of which it holds. */
  readonly asked: (count?: number) => Promise<void>;
  /** The number of requests so far. */
  readonly requests: () => number;
}

/** A registry that holds every request until the client gives it up, and a layout with an image. */
async function scene(test: TestContext): Promise<Scene> {
  const app = createApp(createMemoryRegistry());
  let count = 0;
  const arrivals = new EventEmitter();
  const holding: Send = async (request) => {
    count++;
    arrivals.emit('request');
    await new Promise((_, reject) => {
      request.signal?.addEventListener('abort', () => reject(request.signal?.reason));
    });
    return app(request);
  };
  const listener = await listen(holding, {});
  const layout = join(folder(test), 'layout');
  {
    await using place = await openLayout(layout, { mode: 'write' });
    await giveImage(place, { layers: [layer] }, '1');
    await place.commit();
  }
  const client = createClient({
    keychain: async () => undefined,
    retry: { attempts: 1 },
  });
  atEnd(test, async () => {
    await client.close();
    await listener.close({ grace: 0 });
  });
  return {
    client,
    host: listener.url.replace('http://', ''),
    layout,
    asked: async (least = 1) => {
      for (let missing = least - count; missing > 0; missing--) await once(arrivals, 'request');
    },
    requests: () => count,
  };
}

type Verb = (scene: Scene, options: SignalOptions) => Promise<unknown>;

const basic = { kind: 'basic', username: 'u', password: secret('ended') } as const;

const aVerifier = { name: 'any', verify: async () => true };
const aSigner = { publicKey: 'unused', sign: async () => new Uint8Array(1) };

/** Every verb that sends requests. */
const verbs: Readonly<Record<Exclude<keyof Client, 'openBlob' | 'close' | symbol>, Verb>> = {
  inspect: ({ client, host }, options) => client.inspect(`${host}/app:1`, options),
  getImage: ({ client, host }, options) => client.getImage(`${host}/app:1`, options),
  getIndex: ({ client, host }, options) => client.getIndex(`${host}/app:1`, options),
  getDescriptor: ({ client, host }, options) => client.getDescriptor(`${host}/app:1`, options),
  getManifest: ({ client, host }, options) => client.getManifest(`${host}/app:1`, options),
  getRawManifest: ({ client, host }, options) => client.getRawManifest(`${host}/app:1`, options),
  getConfig: ({ client, host }, options) => client.getConfig(`${host}/app:1`, options),
  exportImage: ({ client, host }, options) => listOf(client.exportImage(`${host}/app:1`, options)),
  listFiles: ({ client, host }, options) => listOf(client.listFiles(`${host}/app:1`, options)),
  readFile: ({ client, host }, options) => listOf(client.readFile(`${host}/app:1`, 'a', options)),
  unpack: ({ client, host, layout }, options) => client.unpack(`${host}/app:1`, `${layout}-files`, options),
  diff: ({ client, host }, options) => client.diff(`${host}/app:1`, `${host}/app:2`, options),
  exists: ({ client, host }, options) => client.exists(`${host}/app:1`, options),
  blobExists: ({ client, host }, options) =>
    client.blobExists(`${host}/app`, layer.descriptor.digest, options),
  push: ({ client, host, layout }, options) => client.push(layout, `${host}/app:1`, options),
  pull: ({ client, host, layout }, options) => client.pull([`${host}/app:1`], `${layout}.tar`, options),
  copy: ({ client, host }, options) => client.copy(`${host}/app:1`, `${host}/other:1`, options),
  copyRepository: ({ client, host }, options) =>
    listOf(client.copyRepository(`${host}/app`, `${host}/other`, options)),
  pushImage: ({ client, host }, options) => client.pushImage(`${host}/app:1`, image, options),
  pushIndex: ({ client, host }, options) =>
    client.pushIndex(`${host}/app:1`, createIndex([{ image }]), options),
  writeLayer: ({ client, host }, options) =>
    client.writeLayer({ repository: `${host}/app`, layer: createLayer(layer.content), ...options }),
  edit: ({ client, host }, options) => client.edit(`${host}/app:1`, (one) => one, options),
  append: ({ client, host, layout }, options) =>
    client.append([layout], { base: `${host}/app:1`, ...options }),
  flatten: ({ client, host }, options) => client.flatten(`${host}/app:1`, options),
  rebase: ({ client, host }, options) =>
    client.rebase(`${host}/app:1`, { oldBase: `${host}/app:1`, newBase: `${host}/app:2`, ...options }),
  convert: ({ client, host }, options) => client.convert(`${host}/app:1`, { ...options, format: 'docker' }),
  editManifest: ({ client, host }, options) =>
    client.editManifest(`${host}/app:1`, ({ bytes }) => bytes, options),
  editIndex: ({ client, host }, options) => client.editIndex(`${host}/app:1`, (one) => one, options),
  appendIndex: ({ client, host }, options) =>
    client.appendIndex([`${host}/app:1`], { to: `${host}/all:1`, ...options }),
  listIndex: ({ client, host }, options) => client.listIndex(`${host}/app:1`, options),
  build: ({ client, host, layout }, options) =>
    client.build(layout, {
      base: `${host}/app:1`,
      to: `${host}/built:1`,
      entrypoint: ['/app/a'],
      ...options,
    }),
  verify: ({ client, host }, options) => client.verify(`${host}/app:1`, { keys: [aVerifier], ...options }),
  sign: ({ client, host }, options) => client.sign(`${host}/app:1`, { signer: aSigner, ...options }),
  attest: ({ client, host }, options) =>
    client.attest(`${host}/app:1`, {
      signer: aSigner,
      predicate: Buffer.from('{}'),
      type: 'link',
      ...options,
    }),
  attestations: ({ client, host }, options) => client.attestations(`${host}/app:1`, options),
  tag: ({ client, host }, options) => client.tag(`${host}/app:1`, ['2'], options),
  putManifest: ({ client, host }, options) => client.putManifest(`${host}/app:1`, imageOf(), options),
  delete: ({ client, host }, options) => client.delete(`${host}/app:1`, options),
  deleteEach: ({ client, host }, options) =>
    listOf(client.deleteEach([`${host}/app:1`, `${host}/app:2`], options)),
  prune: ({ client, host }, options) => listOf(client.prune(`${host}/app`, { match: '*', ...options })),
  referrers: ({ client, host }, options) => listOf(client.referrers(`${host}/app:1`, options)),
  referrerTree: ({ client, host }, options) => client.referrerTree(`${host}/app:1`, options),
  tags: ({ client, host }, options) => listOf(client.tags(`${host}/app`, options)),
  catalog: ({ client, host }, options) => listOf(client.catalog(host, options)),
  validate: ({ client, host }, options) => listOf(client.validate(`${host}/app:1`, options)),
  token: ({ client, host }, options) => client.token(`${host}/app`, options),
  checkLogin: ({ client, host }, options) => client.checkLogin(host, basic, options),
};

/** The first requests of a verb, if it sends several at once. */
const atOnce: Readonly<Record<string, number>> = { copy: 2, copyRepository: 2, build: 2 };

describe('a verb whose signal is aborted', () => {
  for (const [name, verb] of Object.entries(verbs)) {
    it(`${name} with an aborted signal ends with its reason and sends no request`, async (test) => {
      const all = await scene(test);
      await assert.rejects(verb(all, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
      assert.equal(all.requests(), 0);
    });

    it(`${name} ends with the reason of the abort while the registry is silent`, async (test) => {
      const all = await scene(test);
      const end = new AbortController();
      const ended = assert.rejects(verb(all, { signal: end.signal }), (error) => error === reason);
      await all.asked();
      end.abort(reason);
      await ended;
    });

    if (name === 'deleteEach') continue;

    it(`close-in-the-middle: ${name} ends with CUT_OFF when its client is closed meanwhile`, async (test) => {
      const all = await scene(test);
      const ended = failure(verb(all, {}));
      await all.asked(atOnce[name]);
      await all.client.close();
      const error = await ended;
      assert.ok(isGantryError(error, 'CUT_OFF'), String(error));
    });
  }

  it('deleteEach has the outcome CUT_OFF when its client is closed meanwhile', async (test) => {
    const all = await scene(test);
    const ended = listOf(all.client.deleteEach([`${all.host}/app:1`]));
    await all.asked();
    await all.client.close();
    const [only, ...others] = await ended;
    assert.deepEqual([only?.outcome, only?.error?.code, others], ['failed', 'CUT_OFF', []]);
  });

  for (const [name, verb] of Object.entries(verbs)) {
    if (name === 'deleteEach') continue;

    it(`closed-client: ${name} ends with NO_CONNECTION and sends no request after its client was closed`, async (test) => {
      const all = await scene(test);
      await all.client.close();
      const error = await failure(verb(all, {}));
      assert.ok(isGantryError(error, 'NO_CONNECTION'), String(error));
      assert.match(error.message, /this client is closed/);
      assert.equal(all.requests(), 0);
    });
  }

  it('closed-client: deleteEach has the outcome NO_CONNECTION after its client was closed', async (test) => {
    const all = await scene(test);
    await all.client.close();
    const [only] = await listOf(all.client.deleteEach([`${all.host}/app:1`]));
    assert.deepEqual([only?.outcome, only?.error?.code, all.requests()], ['failed', 'NO_CONNECTION', 0]);
  });

  it('closed-client: an image of a closed client sends no request', async () => {
    const registry = createMemoryRegistry();
    await giveImage(registry.repository('app', { actions: ['push'] }), { layers: [layer] }, '1');
    const app = createApp(registry);
    let requests = 0;
    const client = createClient({
      keychain: async () => undefined,
      transport: (request) => {
        requests++;
        return app(request);
      },
    });
    const opened = await client.getImage('registry.test/app:1');
    const blob = client.openBlob(`registry.test/app@${layer.descriptor.digest}`);
    await client.close();
    const before = requests;
    for (const late of [opened.config(), collect(blob.open(), { limit: 100, what: 'blob' })]) {
      const error = await failure(late);
      assert.ok(isGantryError(error, 'NO_CONNECTION'), String(error));
    }
    assert.equal(requests, before);
  });

  it('deleteEach does not begin the second deletion after an abort during the first', async (test) => {
    const all = await scene(test);
    const end = new AbortController();
    const ended = assert.rejects(
      listOf(all.client.deleteEach([`${all.host}/a:1`, `${all.host}/a:2`], { signal: end.signal })),
      (error) => error === reason,
    );
    await all.asked();
    end.abort(reason);
    await ended;
    assert.equal(all.requests(), 1);
  });
});

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('the verb did not fail'),
    (error: unknown) => error,
  );
}
