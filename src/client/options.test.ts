import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { copyImage } from '../copy/copy.ts';
import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { createImage } from '../image/create.ts';
import { createIndex } from '../image/create-index.ts';
import { createLayer } from '../image/layer.ts';
import { createStreamLayer } from '../image/stream-layer.ts';
import { createKeychain } from '../keychain/keychain.ts';
import { listLogins } from '../keychain/logins.ts';
import { eraseCredential, storeCredential } from '../keychain/store.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createPullThrough } from '../pull-through/registry.ts';
import { createApp } from '../server/app.ts';
import { listen } from '../server/node/listen.ts';
import { parseReference } from '../spec/reference.ts';
import { imageOf } from '../testing/contract/sample.ts';
import { createClient } from './client.ts';

/** A function as plain JavaScript calls it, with any arguments. */
type Loose = (...values: readonly unknown[]) => unknown;

function loose(call: unknown): Loose {
  assert.ok(typeof call === 'function');
  return (...values) => Reflect.apply(call, undefined, values);
}

/** Waits for a promise, or reads an iterable to its end. */
async function finished(value: unknown): Promise<void> {
  const result = await value;
  if (typeof result !== 'object' || result === null || !(Symbol.asyncIterator in result)) return;
  const iterate = result[Symbol.asyncIterator];
  assert.ok(typeof iterate === 'function');
  const iterator: AsyncIterator<unknown> = Reflect.apply(iterate, result, []);
  while ((await iterator.next()).done !== true);
}

async function refused(call: () => unknown, words: RegExp): Promise<void> {
  await assert.rejects(
    async () => finished(call()),
    (error) => {
      assert.ok(isGantryError(error, 'INVALID_OPTION'), String(error));
      assert.match(error.message, words);
      return true;
    },
  );
}

const place = 'registry.test/app:1';
const bytes = bytesContent(new Uint8Array(1));
const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [] });
const credential = { kind: 'registry', token: 'unused' };
const layer = createLayer(bytes, { mediaType: 'application/vnd.oci.image.layer.v1.tar' });

/** The arguments before the options of each verb. */
const before: Readonly<Record<string, readonly unknown[]>> = {
  inspect: [place],
  getImage: [place],
  getIndex: [place],
  getDescriptor: [place],
  getManifest: [place],
  getRawManifest: [place],
  getConfig: [place],
  exportImage: [place],
  listFiles: [place],
  readFile: [place, 'etc'],
  unpack: [place, '/nowhere/new'],
  diff: [place, 'registry.test/app:2'],
  exists: [place],
  blobExists: ['registry.test/app', `sha256:${'0'.repeat(64)}`],
  push: ['/nowhere', place],
  pull: [[place], '/nowhere'],
  copy: [place, 'registry.test/other:1'],
  copyRepository: ['registry.test/app', 'registry.test/other'],
  pushImage: [place, image],
  pushIndex: [place, createIndex([])],
  writeLayer: [],
  edit: [place, (one: unknown) => one],
  append: [['/nowhere/a.tar']],
  flatten: [place],
  rebase: [place],
  convert: [place],
  editManifest: [place, (one: unknown) => one],
  editIndex: [place, (one: unknown) => one],
  appendIndex: [[place]],
  listIndex: [place],
  build: ['/nowhere'],
  verify: [place],
  sign: [place],
  attest: [place],
  attestations: [place],
  tag: [place, 'two'],
  putManifest: [place, imageOf({})],
  delete: [place],
  deleteEach: [[place]],
  prune: ['registry.test/app'],
  referrers: [place],
  referrerTree: [place],
  tags: ['registry.test/app'],
  catalog: ['registry.test'],
  validate: [place],
  token: ['registry.test/app'],
  checkLogin: ['registry.test', credential],
};

function unsent() {
  const client = createClient({
    keychain: async () => undefined,
    transport: () => assert.fail('something was sent'),
  });
  return new Map<string, unknown>(Object.entries(client));
}

describe('options from plain JavaScript', () => {
  it('unchecked-options: the options of every verb of the client are checked', () => {
    const verbs = [...unsent().keys()].filter((name) => name !== 'openBlob' && name !== 'close');
    assert.deepEqual(Object.keys(before).sort(), verbs.sort());
  });

  for (const [verb, values] of Object.entries(before)) {
    it(`unchecked-options: wrong options of ${verb} are refused by their names before any request`, async () => {
      const call = loose(unsent().get(verb));
      const given = (options: unknown) => () => call(...values, options);
      await refused(given({ signal: 5 }), /"signal" takes an AbortSignal, not 5/);
      await refused(given({ singal: undefined }), /no option "singal"; did you mean "signal"\?/);
      await refused(given({ nothingOfTheKind: 1 }), /no option "nothingOfTheKind"; there are .*signal/);
      for (const options of ['linux/amd64', 5, null, []])
        await refused(given(options), /options are one object/);
    });

    if (values.length > 0) {
      it(`unchecked-options: ${verb} refuses missing arguments and arguments of another type`, async () => {
        const call = loose(unsent().get(verb));
        await refused(() => call(), /is missing/);
        for (const at of values.keys()) {
          await refused(() => call(...values.with(at, 5)), /takes .*not 5/);
          await refused(() => call(...values.with(at, null)), /takes .*not null/);
          await refused(() => call(...values.slice(0, at)), /is missing/);
        }
      });
    }
  }

  for (const verb of ['prune', 'writeLayer']) {
    it(`unchecked-options: ${verb} without options is refused`, async () => {
      await refused(() => loose(unsent().get(verb))(...(before[verb] ?? [])), /is missing/);
    });
  }

  const wrong: readonly [verb: string, options: unknown, words: RegExp][] = [
    ['inspect', { platform: 'amd64' }, /"amd64" is not a platform/],
    [
      'inspect',
      { platform: { os: 'linux', arch: 'amd64' } },
      /"platform" takes a platform, such as "linux\/amd64"/,
    ],
    ['copy', { platforms: 'linux/amd64' }, /"platforms" takes a list/],
    ['copy', { platforms: ['linux/amd64', 5] }, /"platforms"\[1\] takes a platform/],
    ['copy', { platfroms: [] }, /did you mean "platforms"\?/],
    ['copy', { jobs: 0 }, /"jobs" takes a whole number from 1, not 0/],
    ['copy', { jobs: '4' }, /"jobs" takes a whole number from 1, not a string/],
    ['copy', { onEvent: {} }, /"onEvent" takes a function, not an object/],
    ['copy', { noClobber: 'yes' }, /"noClobber" takes true or false/],
    ['convert', { format: 'v1' }, /"format" takes one of "docker", "oci"/],
    ['pull', { format: 'tar' }, /"format" takes one of "tarball", "legacy", "oci"/],
    ['validate', { unpack: { size: 1 } }, /"unpack": there is no option "size"/],
    ['writeLayer', { repository: 'registry.test/app', layer: 5 }, /"layer" takes a layer/],
    ['tags', { pageSize: -1 }, /"pageSize" takes a whole number/],
  ];
  for (const [verb, options, words] of wrong) {
    it(`unchecked-options: ${verb} with ${JSON.stringify(options)} is refused`, async () => {
      await refused(() => loose(unsent().get(verb))(...(before[verb] ?? []), options), words);
    });
  }

  const registry = createMemoryRegistry();
  const repository = registry.repository('app');
  const functions: readonly [name: string, call: Loose][] = [
    ['createClient', (options) => loose(createClient)(options)],
    ['createClient, its retries', (options) => loose(createClient)({ retry: options })],
    ['createClient, its timeouts', (options) => loose(createClient)({ timeouts: options })],
    ['createClient, its certificates', (options) => loose(createClient)({ tls: options })],
    ['copyImage', (options) => loose(copyImage)(repository, '1', repository, options)],
    ['createLayer', (options) => loose(createLayer)(bytes, options)],
    ['createStreamLayer', (options) => loose(createStreamLayer)(bytes.open(), options)],
    ['createPullThrough', (options) => loose(createPullThrough)(registry, registry, options)],
    ['createKeychain', (options) => loose(createKeychain)(options)],
    ['storeCredential', (options) => loose(storeCredential)('registry.test', credential, options)],
    ['eraseCredential', (options) => loose(eraseCredential)('registry.test', options)],
    ['listLogins', (options) => loose(listLogins)(options)],
    ['createApp', (options) => loose(createApp)(registry, options)],
    ['listen', (options) => loose(listen)(createApp(registry), options)],
  ];
  for (const [name, call] of functions) {
    it(`unchecked-options: wrong options of ${name} are refused`, async () => {
      await refused(() => call({ nothingOfTheKind: 1 }), /no option "nothingOfTheKind"/);
      await refused(() => call(5), /options are one object, not 5/);
    });
  }

  for (const bandwidth of [0, -1, 1023, Number.NaN, Number.POSITIVE_INFINITY, '10M', null]) {
    it(`a bandwidth of ${bandwidth === '10M' ? 'a text' : bandwidth} is refused`, async () => {
      await refused(
        () => loose(createClient)({ bandwidth }),
        /"bandwidth" takes a number of bytes per second/,
      );
    });
  }

  it('no error shows a secret in the wrong place', async () => {
    await refused(() => loose(createClient)({ tls: { key: 7 }, jobs: 'hunter2' }), /^(?!.*hunter2)/);
  });

  it('a platform may be a text', async () => {
    const { layer: one } = { layer };
    assert.ok(one);
    const client = createClient({ keychain: async () => undefined, transport: createApp(registry) });
    await assert.rejects(client.inspect(place, { platform: 'linux/amd64' }), (error) =>
      isGantryError(error, 'MANIFEST_UNKNOWN'),
    );
  });
});

describe('options of makers and parsers from plain JavaScript', () => {
  it('unchecked-options: wrong options of createIndex and parseReference are refused by their names', async () => {
    const index = loose(createIndex);
    const parse = loose(parseReference);
    await refused(
      () => index([], { annotation: {} }),
      /no option "annotation"; did you mean "annotations"\?/,
    );
    await refused(() => index([], { annotations: 'a=b' }), /"annotations" takes an object/);
    await refused(() => parse('alpine', { defaultTags: 'a' }), /no option "defaultTags"/);
    await refused(() => parse('alpine', { strict: 'yes' }), /"strict" takes true or false/);
  });
});
