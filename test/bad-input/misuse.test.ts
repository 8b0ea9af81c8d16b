import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parseSync } from 'oxc-parser';
import { projectRoot } from '../../scripts/project.ts';
import { isGantryError } from '../../src/errors.ts';
import * as main from '../../src/index.ts';
import * as keychain from '../../src/keychain/index.ts';
import * as server from '../../src/server/index.ts';
import * as sign from '../../src/sign/index.ts';
import { imageOf } from '../../src/testing/contract/sample.ts';
import * as testing from '../../src/testing/index.ts';

/**
 * The right call of a function. For every other value from plain JavaScript it throws INVALID_OPTION with the name of
 * the value.
 */
interface Row {
  /** The values before its options, by the names of the parameters. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** The values that the caller may leave out. */
  readonly optional?: readonly string[];
  /** Right options, if it takes any. The options in `required` must be there. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
  /** The caller may leave out all options although some are required. */
  readonly absent?: true;
}

const registry = main.createMemoryRegistry();
const repository = registry.repository('app');
const image = imageOf({});
const bytes = new Uint8Array(2);
const content = main.bytesContent(bytes);
const layer = main.createLayer(content);
const view = main.createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [] });
const index = main.createIndex([]);
const credential = { kind: 'registry', token: 'unused' };
const exchange = { method: 'GET', target: '/v2/', note: {} };
const read = async (): Promise<string> => '';
const app = server.createApp(registry);
const text = 'alpine';

const rows: Readonly<Record<string, Row>> = {
  buildImage: { values: { directory: '/nowhere' }, options: {} },
  bytesContent: { values: { bytes } },
  copyImage: { values: { from: repository, reference: '1', to: repository }, options: {} },
  createArchive: { values: { path: '/nowhere/a.tar' }, options: { format: 'oci' }, required: ['format'] },
  createClient: { options: {} },
  createImage: {
    options: { config: { os: 'linux', architecture: 'amd64' }, layers: [layer] },
    required: ['config', 'layers'],
  },
  createIndex: { values: { entries: [{ image: view }] }, options: {} },
  createLayer: { values: { content }, options: {} },
  createMemoryRegistry: {},
  createNodeTransport: { options: {} },
  createPullThrough: { values: { upstream: registry, cache: registry }, options: {} },
  createRemoteRegistry: {
    options: { base: 'https://registry.test', send: app },
    required: ['base'],
  },
  createRootNotes: { values: { folder: '/nowhere' } },
  createStreamLayer: { values: { source: content.open() }, options: {} },
  createUploadJournal: { values: { folder: '/nowhere' }, options: { least: 0 } },
  digestOf: { values: { bytes, algorithm: 'sha256' }, optional: ['algorithm'] },
  fetchTransport: { values: { fetch } },
  formatPlatform: { values: { platform: { os: 'linux', architecture: 'amd64' } } },
  formatReference: { values: { reference: main.parseReference(text) } },
  imageSource: { values: { image: view }, options: {} },
  flatten: { values: { image: view }, options: {} },
  convertImage: { values: { image: view, family: 'oci' }, options: {} },
  convertIndex: { values: { index: view, family: 'oci' }, options: {} },
  recompress: { values: { image: view }, options: { compression: 'gzip' }, required: ['compression'] },
  editFile: { values: { image: view, path: 'etc/motd', edit: bytes }, options: {} },
  layerOfFolder: { values: { folder: '/nowhere' }, options: {} },
  layerOfTar: { values: { source: '/nowhere' }, options: {} },
  rebase: { values: { image: view }, options: { from: view, to: view }, required: ['from', 'to'] },
  mapImages: { values: { index, change: () => view }, options: {} },
  openArchive: { values: { path: '/nowhere/a.tar' }, options: {} },
  openDaemon: { options: {} },
  diffImages: { values: { before: view, after: view }, options: {} },
  unpackFiles: {
    values: { fileSystem: { entries: read, files: read }, directory: '/nowhere/new' },
    options: {},
  },
  openFileSystem: { values: { image: view }, options: {} },
  openImageFile: { values: { image: view, path: 'etc' }, options: {} },
  openImage: { values: { repository, manifest: image }, options: {} },
  openIndex: { values: { repository, manifest: image }, options: {} },
  openLayout: { values: { folder: '/nowhere' }, options: { mode: 'read' }, required: ['mode'] },
  parseDigest: { values: { text: image.descriptor.digest } },
  parseManifest: {
    values: { bytes: image.bytes },
    options: { digest: image.descriptor.digest },
    required: ['digest'],
  },
  parsePlace: { values: { text } },
  parsePlatform: { values: { text: 'linux/amd64' } },
  parseReference: { values: { text }, options: {} },
  streamContent: { values: { source: content.open() }, options: {} },
  writeTar: { values: { files: [] } },
  createAccess: { options: {} },
  createApp: { values: { registry }, options: {} },
  createMetrics: { options: {} },
  createSessions: {
    options: { ...server.defaultLimits },
    absent: true,
    required: ['sessions', 'repositorySessions', 'sessionIdle', 'patience'],
  },
  formatExchange: { values: { exchange } },
  listen: { values: { app }, options: {} },
  openDiskRegistry: { values: { root: '/nowhere' }, options: {} },
  openHtpasswd: { values: { read }, options: {} },
  openRules: { values: { read }, options: {} },
  withHosts: { values: { next: app }, options: {} },
  withHealth: { values: { next: app }, options: {} },
  withOrigins: { values: { next: app }, options: {} },
  admitByPolicy: { values: { policy: { check: async () => undefined } } },
  admitSigned: { values: {}, options: {} },
  readPolicy: { values: { document: new Uint8Array(0), read: async () => new Uint8Array(0) }, options: {} },
  generateKey: { values: { password: '' } },
  importKey: { values: { pem: text }, options: {} },
  openSigner: { values: { pem: text }, options: {} },
  parsePublicKey: { values: { pem: text } },
  publicKeyFor: { values: { pem: text }, options: {} },
  createKeychain: { options: {} },
  eraseCredential: { values: { registry: 'registry.test' }, options: {} },
  firstOf: { values: { keychains: async () => undefined }, optional: ['keychains'] },
  listLogins: { options: {} },
  storeCredential: { values: { registry: 'registry.test', credential }, options: {} },
  registryContract: { values: { name: 'a', open: () => registry }, options: {} },
  repositoryContract: { values: { name: 'a', open: () => repository }, options: {} },
  startRegistry: { options: {} },
  withFaults: { values: { faults: [{ effect: {} }] }, options: {} },
};

/** Functions that accept every value, and so refuse none. */
const judges = ['isGantryError'];

type Loose = (...values: readonly unknown[]) => unknown;

function functionsOf(): ReadonlyMap<string, Loose> {
  const found = new Map<string, Loose>();
  for (const entry of [main, server, sign, keychain, testing]) {
    for (const [name, value] of Object.entries(entry)) {
      const isClass = typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
      if (typeof value !== 'function' || isClass) continue;
      const call: unknown = value;
      found.set(name, (...values) => Reflect.apply(Object(call), undefined, values));
    }
  }
  return found;
}

const functions = functionsOf();

async function refusal(call: () => unknown): Promise<string> {
  const error: unknown = await (async () => call())().then(
    () => assert.fail('it was taken'),
    (reason: unknown) => reason,
  );
  assert.ok(isGantryError(error, 'INVALID_OPTION'), String(error));
  return error.message;
}

describe('public functions called from plain JavaScript', () => {
  it('unchecked-options: all public functions are listed here', () => {
    assert.deepEqual([...Object.keys(rows), ...judges].sort(), [...functions.keys()].sort());
  });

  it('unchecked-options: each function is listed with all of its parameters', () => {
    const declared = declarations();
    for (const [name, { values = {}, options }] of Object.entries(rows)) {
      const listed = Object.keys(values).length + (options === undefined ? 0 : 1);
      assert.equal(listed, declared.get(name), name);
    }
  });

  for (const [name, { values = {}, optional = [], options, required = [], absent }] of Object.entries(rows)) {
    const call = functions.get(name) ?? assert.fail(`there is no ${name}`);
    const given = Object.entries(values);
    const right = given.map(([, value]) => value);

    for (const [at, [parameter]] of given.entries()) {
      it(`unchecked-options: ${name} refuses another type as "${parameter}"`, async () => {
        for (const wrong of [5, null, Symbol('wrong')]) {
          const others = right.with(at, wrong);
          const message = await refusal(() => call(...others, ...(options === undefined ? [] : [options])));
          assert.match(message, new RegExp(`${name}.*"${parameter}"`));
        }
        if (optional.includes(parameter)) return;
        const message = await refusal(() => call(...right.slice(0, at)));
        assert.match(message, new RegExp(`${name}: "${parameter}" is missing`));
      });
    }

    if (options === undefined) continue;
    it(`unchecked-options: ${name} refuses unknown options, and options of another type`, async () => {
      for (const wrong of [5, 'linux/amd64', null, []]) {
        assert.match(await refusal(() => call(...right, wrong)), /options are one object/);
      }
      const listing = await refusal(() => call(...right, { ...options, nothingOfTheKind: 1 }));
      const known = /no option "nothingOfTheKind"; there are (.+)$/.exec(listing)?.[1]?.split(', ') ?? [];
      assert.ok(known.length > 0, listing);
      for (const option of known) {
        const message = await refusal(() => call(...right, { ...options, [option]: Symbol('wrong') }));
        assert.ok(message.includes(`"${option}"`), message);
      }
      for (const option of required) {
        const message = await refusal(() => call(...right, { ...options, [option]: undefined }));
        assert.match(message, new RegExp(`option "${option}" is missing`));
        if (absent !== true) assert.match(await refusal(() => call(...right)), /is missing/);
      }
    });
  }
});

/** Returns the number of parameters of each function that an entry point exports. */
function declarations(): ReadonlyMap<string, number> {
  const source = join(projectRoot(), 'src');
  const counts = new Map<string, number>();
  for (const entry of [
    'index.ts',
    'server/index.ts',
    'sign/index.ts',
    'keychain/index.ts',
    'testing/index.ts',
  ]) {
    const path = join(source, entry);
    const { module } = parseSync(path, readFileSync(path, 'utf8'));
    for (const { entries } of module.staticExports) {
      for (const { moduleRequest, exportName, isType } of entries) {
        if (isType || moduleRequest === null || exportName.name === null) continue;
        const declared = parametersOf(join(dirname(path), moduleRequest.value), exportName.name);
        if (declared !== undefined) counts.set(exportName.name, declared);
      }
    }
  }
  return counts;
}

function parametersOf(path: string, name: string): number | undefined {
  const { program } = parseSync(path, readFileSync(path, 'utf8'));
  for (const statement of program.body) {
    if (statement.type !== 'ExportNamedDeclaration') continue;
    const { declaration } = statement;
    if (declaration?.type === 'FunctionDeclaration' && declaration.id?.name === name)
      return declaration.params.length;
  }
  return undefined;
}
