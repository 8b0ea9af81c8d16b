import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import {
  AuthError,
  ContentError,
  CopyError,
  isGantryError,
  ResponseError,
  UnsupportedError,
} from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import { parseManifest } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { children, type Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import {
  blobOf,
  emptyConfig,
  failsWith,
  give,
  giveImage,
  imageOf,
  indexOf,
  listOf,
  noise,
  read,
} from '../testing/contract/sample.ts';
import { type CopyOptions, copyImage } from './copy.ts';
import type { CopyEvent } from './events.ts';
import { type Hook, type Note, watched } from './watched.test.support.ts';

const place = (name = 'acme/app'): Repository => createMemoryRegistry().repository(name);

/** A manifest of any shape. */
function manifestOf(mediaType: string, fields: object): Manifest {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType });
}

const image = (...names: readonly string[]): Parameters<typeof giveImage>[1] => ({
  layers: names.map((name) => blobOf(name)),
});

/** An index of two images that share their config and a layer. */
async function giveIndex(repository: Repository, tag = 'v1') {
  const one = await giveImage(repository, image('shared', 'one'));
  const two = await giveImage(repository, image('shared', 'two'));
  const index = indexOf([
    { ...one.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
    { ...two.descriptor, platform: { os: 'linux', architecture: 'arm64' } },
  ]);
  await repository.manifests.put(index, { tags: [tag] });
  return { index, one, two };
}

/** Checks that all content of the manifests exists, byte for byte. */
async function assertThere(repository: Repository, ...manifests: readonly Manifest[]): Promise<void> {
  for (const { descriptor, bytes, body } of manifests) {
    const there = await repository.manifests.get(descriptor.digest);
    assert.deepEqual(there.bytes, bytes);
    assert.equal(there.descriptor.mediaType, descriptor.mediaType);
    if (body.kind !== 'image') continue;
    for (const blob of children(body)) {
      assert.equal(digestOf(await read(repository.blobs.open(blob))), blob.digest);
    }
  }
}

/** Notes the numbers of requests that the copy announces. */
function telling(repository: Repository) {
  const told: number[] = [];
  return { told, repository: { ...repository, preconnect: (requests: number) => void told.push(requests) } };
}

/** Checks that all content of a manifest existed before the manifest was written. */
function assertOrder(notes: readonly Note[], ...manifests: readonly Manifest[]): void {
  for (const { descriptor, body } of manifests) {
    const put = notes.findIndex(({ step, what }) => step === 'put' && what === descriptor.digest);
    assert.notEqual(put, -1);
    for (const { digest } of children(body)) {
      const child = notes.findIndex(
        ({ step, what }) => (step === 'wrote' || step === 'put') && what === digest,
      );
      assert.ok(child !== -1 && child < put, `${digest} comes before ${descriptor.digest}`);
    }
  }
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );
}

/** Returns the error of a copy, which must be a CopyError with an error of gantry as its cause. */
async function copyFailure(promise: Promise<unknown>) {
  const error = await failureOf(promise);
  assert.ok(error instanceof CopyError, String(error));
  const { code, side, step, digest, cause } = error;
  // Users switch on the code of the reason.
  assert.equal(code, isGantryError(cause) ? cause.code : 'COPY_FAILED');
  return { side, step, digest, cause: isGantryError(cause) ? cause.code : cause };
}

async function assertNothingNamed(repository: Repository): Promise<void> {
  const tags = listOf(repository.tags.list());
  assert.deepEqual(
    await tags.catch((error: unknown) => (isGantryError(error, 'NAME_UNKNOWN') ? [] : error)),
    [],
  );
}

describe('copyImage', () => {
  it('a copy announces the requests for an index to both places and those for an image to the source', async () => {
    const [from, to] = [telling(place()), telling(place())];
    await giveIndex(from.repository);
    await copyImage(from.repository, 'v1', to.repository);
    // Two images of four expected blobs; then the config and the layers of the first image, and of both.
    assert.deepEqual(from.told, [8, 3, 4]);
    assert.deepEqual(to.told, [10]);
  });

  it('a copy of an image transfers every byte and returns its root', async () => {
    const [from, to] = [place(), place()];
    const root = await giveImage(from, image('base', 'top'), 'v1');
    const descriptor = await copyImage(from, 'v1', to, { tags: ['v1'] });
    assert.equal(descriptor.digest, root.descriptor.digest);
    await assertThere(to, root);
    assert.equal((await to.manifests.resolve('v1'))?.digest, root.descriptor.digest);
  });

  it('a copy by digest without tags is stored under its digest only', async () => {
    const [from, to] = [place(), place()];
    const root = await giveImage(from, image('base'), 'v1');
    await copyImage(from, root.descriptor.digest, to);
    await assertThere(to, root);
    await assertNothingNamed(to);
  });

  it('a copy of an index transfers all its images, each manifest after its content and the root with the tag last', async () => {
    const from = place();
    const { index, one, two } = await giveIndex(from);
    const to = watched(place());
    await copyImage(from, 'v1', to.repository, { tags: ['a'] });
    assertOrder(to.notes, index, one, two);
    assert.deepEqual(to.notes.at(-1), { step: 'put', what: index.descriptor.digest, tags: ['a'] });
    await assertThere(to.repository, index, one, two);
    const tagged = to.notes.filter(({ tags }) => tags !== undefined && tags.length > 0);
    assert.equal(tagged.length, 1);
  });

  it('a copy sets several tags with the last manifest', async () => {
    const [from, to] = [place(), watched(place())];
    const root = await giveImage(from, image('base'), 'v1');
    await copyImage(from, 'v1', to.repository, { tags: ['a', 'b'] });
    assert.deepEqual(to.notes.at(-1), { step: 'put', what: root.descriptor.digest, tags: ['a', 'b'] });
    assert.deepEqual(await listOf(to.repository.tags.list()), ['a', 'b']);
  });

  it('a copy follows nested indexes', async () => {
    const from = place();
    const { index, one, two } = await giveIndex(from);
    const outer = indexOf([index.descriptor]);
    const outermost = indexOf([outer.descriptor, one.descriptor]);
    for (const manifest of [outer, outermost]) await from.manifests.put(manifest);
    const to = watched(place());
    await copyImage(from, outermost.descriptor.digest, to.repository);
    await assertThere(to.repository, outermost, outer, index, one, two);
    assertOrder(to.notes, outermost, outer, index, one, two);
    assert.equal(to.of('put').length, 5);
  });

  // id: index-nesting-limit
  it('a copy refuses indexes that are nested too deeply', async () => {
    const [from, to] = [place(), place()];
    let manifest = await giveImage(from, image('base'));
    for (let depth = 0; depth < 12; depth++) {
      manifest = indexOf([manifest.descriptor]);
      await from.manifests.put(manifest);
    }
    const { side, cause } = await copyFailure(
      copyImage(from, manifest.descriptor.digest, to, { tags: ['v1'] }),
    );
    assert.deepEqual({ side, cause }, { side: 'source', cause: 'MANIFEST_INVALID' });
    await assertNothingNamed(to);
  });

  it('a copy transfers content that several images share once', async () => {
    const source = watched(place());
    await giveIndex(source.repository);
    const to = watched(place());
    await copyImage(source.repository, 'v1', to.repository, { tags: ['v1'] });
    const blobs = ['shared', 'one', 'two'].map((name) => blobOf(name).descriptor.digest);
    const wanted = [emptyConfig.descriptor.digest, ...blobs].sort();
    assert.deepEqual([...to.of('wrote')].sort(), wanted);
    assert.deepEqual([...source.of('open')].sort(), wanted);
  });

  it('a copy of an image that exists under its tag reads no content and writes nothing', async () => {
    const source = watched(place());
    await giveIndex(source.repository);
    const to = watched(place());
    await copyImage(source.repository, 'v1', to.repository, { tags: ['v1'] });
    const before = { read: source.of('open').length, put: to.of('put').length };
    const events: CopyEvent[] = [];
    await copyImage(source.repository, 'v1', to.repository, {
      tags: ['v1'],
      onEvent: (event) => events.push(event),
    });
    assert.deepEqual({ read: source.of('open').length, put: to.of('put').length }, before);
    const manifests = events.flatMap((event) => (event.kind === 'manifest' ? [event.outcome] : []));
    assert.ok(manifests.length > 0 && manifests.every((outcome) => outcome === 'existed'));
  });

  it('a copy of an existing image under a new tag writes the root again and reads no content', async () => {
    const source = watched(place());
    const { index } = await giveIndex(source.repository);
    const to = watched(place());
    await copyImage(source.repository, 'v1', to.repository, { tags: ['v1'] });
    const read = source.of('open').length;
    const put = to.of('put').length;
    await copyImage(source.repository, 'v1', to.repository, { tags: ['v2'] });
    assert.equal(source.of('open').length, read);
    assert.deepEqual(to.of('put').slice(put), [index.descriptor.digest]);
    assert.deepEqual(await listOf(to.repository.tags.list()), ['v1', 'v2']);
  });

  it('a copy moves a tag that names another image', async () => {
    const [from, to] = [place(), place()];
    await giveImage(to, image('old'), 'v1');
    const root = await giveImage(from, image('new'), 'v1');
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    assert.equal((await to.manifests.resolve('v1'))?.digest, root.descriptor.digest);
  });

  it('a copy within a registry mounts the blobs and opens none', async () => {
    const registry = createMemoryRegistry();
    const source = watched(registry.repository('acme/app'));
    const { index, one, two } = await giveIndex(source.repository);
    const opened = source.of('open').length;
    const to = registry.repository('acme/copy');
    const outcomes: string[] = [];
    await copyImage(source.repository, 'v1', to, {
      mountFrom: 'acme/app',
      onEvent: (event) => event.kind === 'blob' && outcomes.push(event.outcome),
    });
    await assertThere(to, index, one, two);
    assert.equal(source.of('open').length, opened);
    assert.deepEqual(outcomes, ['mounted', 'mounted', 'mounted', 'mounted']);
  });

  // id: copy-jobs
  it('a copy moves as many blobs at once as it has jobs', async () => {
    const from = place();
    await giveImage(from, image('a', 'b', 'c', 'd', 'e', 'f'), 'v1');
    for (const jobs of [1, 3]) {
      let [now, most] = [0, 0];
      const source = watched(from, async ({ step }) => {
        if (step !== 'open') return;
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        now--;
      });
      await copyImage(source.repository, 'v1', place(), { jobs });
      assert.equal(most, jobs);
    }
  });
});

const attestation = (of: Descriptor, itself: Descriptor): Descriptor => ({
  ...itself,
  platform: { os: 'unknown', architecture: 'unknown' },
  annotations: {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': of.digest,
  },
});

const linux = (architecture: string) => ({ os: 'linux', architecture });

/** An index of three platforms, each with an attestation, and with an unknown field. */
async function giveMany(repository: Repository) {
  const entries: Descriptor[] = [];
  for (const architecture of ['amd64', 'arm64', 's390x']) {
    const { descriptor } = await giveImage(repository, image(architecture));
    const proof = await giveImage(repository, image(`proof of ${architecture}`));
    entries.push(
      { ...descriptor, platform: { os: 'linux', architecture } },
      attestation(descriptor, proof.descriptor),
    );
  }
  const index = manifestOf(MediaType.ociIndex, {
    manifests: entries,
    annotations: { title: 'many' },
    'x-unknown': { kept: true },
  });
  await repository.manifests.put(index, { tags: ['v1'] });
  return { index, entries };
}

const sparse = (architecture: string): CopyOptions => ({
  tags: ['v1'],
  sparse: true,
  platforms: [linux(architecture)],
});

describe('copyImage with platforms', () => {
  it('a copy of one platform makes its image the root and copies nothing else', async () => {
    const source = watched(place());
    const { entries } = await giveMany(source.repository);
    const to = watched(place());
    const root = await copyImage(source.repository, 'v1', to.repository, {
      tags: ['v1'],
      platforms: [linux('arm64')],
    });
    assert.equal(root.digest, entries[2]?.digest);
    assert.deepEqual(to.of('put'), [root.digest]);
    assert.equal((await to.repository.manifests.resolve('v1'))?.digest, root.digest);
  });

  it('a copy of several platforms makes an index of these with their attestations and keeps every other field', async () => {
    const [from, to] = [place(), watched(place())];
    const { index, entries } = await giveMany(from);
    const root = await copyImage(from, 'v1', to.repository, {
      tags: ['v1'],
      platforms: [linux('s390x'), linux('amd64')],
    });
    assert.notEqual(root.digest, index.descriptor.digest);
    assert.equal(root.mediaType, MediaType.ociIndex);
    const { bytes } = await to.repository.manifests.get('v1');
    const kept = [0, 1, 4, 5].map((at) => entries[at]);
    assert.deepEqual(JSON.parse(new TextDecoder().decode(bytes)), {
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: kept,
      annotations: { title: 'many' },
      'x-unknown': { kept: true },
    });
    assert.deepEqual(new Set(to.of('put')), new Set([root.digest, ...kept.map((entry) => entry?.digest)]));
  });

  it('a copy of several platforms makes the same index every time', async () => {
    const from = place();
    await giveMany(from);
    const platforms = [linux('arm64'), linux('amd64')];
    const first = await copyImage(from, 'v1', place(), { platforms });
    const second = await copyImage(from, 'v1', place(), { platforms: platforms.toReversed() });
    assert.deepEqual(first, second);
  });

  it('a copy of chosen platforms does not ask for the other children, so the source may lack them', async () => {
    const from = place();
    const { entries } = await giveMany(from);
    const [amd64, , arm64] = entries;
    assert.ok(amd64 && arm64);
    await from.manifests.delete(arm64.digest);
    const root = await copyImage(from, 'v1', place(), { platforms: [linux('amd64')] });
    assert.equal(root.digest, amd64.digest);
  });

  it('a sparse copy keeps the index unchanged and adds the chosen children to those of an earlier copy', async () => {
    const [from, to] = [place(), place()];
    const { index, one, two } = await giveIndex(from);
    assert.deepEqual(await copyImage(from, 'v1', to, sparse('amd64')), index.descriptor);
    await assertThere(to, index, one);
    assert.equal(await to.manifests.resolve(two.descriptor.digest), undefined);
    assert.deepEqual(await copyImage(from, 'v1', to, sparse('arm64')), index.descriptor);
    await assertThere(to, index, one, two);
  });

  it('a copy of a missing platform fails at the source and names the platform', async () => {
    const [from, to] = [place(), place()];
    await giveMany(from);
    for (const platforms of [[linux('riscv64')], [linux('amd64'), linux('riscv64')]]) {
      const error = await failureOf(copyImage(from, 'v1', to, { tags: ['v1'], platforms }));
      assert.ok(error instanceof CopyError);
      assert.equal(error.side, 'source');
      assert.ok(isGantryError(error.cause, 'MANIFEST_UNKNOWN'));
      assert.match(error.message, /linux\/riscv64/);
    }
    await assertNothingNamed(to);
  });

  it('a copy with platforms takes a root that is an image unchanged', async () => {
    const [from, to] = [place(), place()];
    const { descriptor } = await giveImage(from, image('only'), 'v1');
    const root = await copyImage(from, 'v1', to, { platforms: [linux('riscv64')] });
    assert.equal(root.digest, descriptor.digest);
  });

  it('a copy of no platform is refused before any request', async () => {
    const [from, to] = [watched(place()), watched(place())];
    await failsWith(copyImage(from.repository, 'v1', to.repository, { platforms: [] }), 'INVALID_OPTION');
    assert.deepEqual([from.notes, to.notes], [[], []]);
  });
});

async function giveForeign(repository: Repository) {
  const [config, layer, foreign] = [emptyConfig, blobOf('layer'), blobOf('foreign')];
  await give(repository, config, layer, foreign);
  const root = manifestOf(MediaType.dockerManifest, {
    config: { ...config.descriptor, mediaType: MediaType.dockerConfig },
    layers: [
      {
        ...foreign.descriptor,
        mediaType: MediaType.dockerForeignLayer,
        urls: ['https://example.com/base'],
      },
      { ...layer.descriptor, mediaType: MediaType.dockerLayer },
    ],
  });
  await repository.manifests.put(root, { tags: ['v1'] });
  return { root, foreign: foreign.descriptor.digest };
}

describe('copyImage of unusual content', () => {
  it('a copy skips layers that may not be distributed', async () => {
    const source = watched(place());
    const { root, foreign } = await giveForeign(source.repository);
    const to = place();
    const outcomes = new Map<string, string>();
    await copyImage(source.repository, 'v1', to, {
      onEvent: (event) => event.kind === 'blob' && outcomes.set(event.descriptor.digest, event.outcome),
    });
    assert.equal(outcomes.get(foreign), 'skipped');
    assert.equal(await to.blobs.stat(foreign), undefined);
    assert.ok(!source.of('open').includes(foreign));
    assert.ok((await to.manifests.resolve(root.descriptor.digest)) !== undefined);
  });

  it('a copy with nondistributable includes these layers, also after an earlier copy without them', async () => {
    const [from, to, later] = [place(), place(), place()];
    const { root, foreign } = await giveForeign(from);
    const index = indexOf([root.descriptor]);
    await from.manifests.put(index, { tags: ['all'] });
    await copyImage(from, 'v1', to, { nondistributable: true });
    await assertThere(to, root);
    for (const nondistributable of [false, true]) {
      await copyImage(from, 'all', later, { nondistributable });
      assert.equal((await later.blobs.stat(foreign)) !== undefined, nondistributable);
    }
  });

  for (const [name, refuse] of [
    ['MANIFEST_INVALID', () => new ContentError('MANIFEST_INVALID', 'no')],
    ['UNSUPPORTED', () => new UnsupportedError('manifest.put', 'no')],
    [
      'a bare 415',
      () =>
        new ResponseError('UNEXPECTED_STATUS', 'no', {
          response: { method: 'PUT', url: 'http://registry.test', status: 415, errors: [] },
        }),
    ],
  ] as const) {
    it(`unknown-child-refused: a child of an unknown type that is refused as a manifest with ${name} is sent as a blob`, async () => {
      const [from, to] = [place(), place()];
      const thing = manifestOf('application/vnd.acme.thing.v1+json', { acme: true });
      await from.manifests.put(thing);
      const index = indexOf([thing.descriptor]);
      await from.manifests.put(index, { tags: ['v1'] });
      const picky: Repository = {
        ...to,
        manifests: {
          ...to.manifests,
          put: async (manifest, options) => {
            if (manifest.descriptor.digest === thing.descriptor.digest) throw refuse();
            await to.manifests.put(manifest, options);
          },
        },
      };
      await copyImage(from, 'v1', picky, { tags: ['v1'] });
      assert.equal((await to.manifests.resolve('v1'))?.digest, index.descriptor.digest);
      assert.deepEqual(await read(to.blobs.open(thing.descriptor)), thing.bytes);
    });
  }

  it('unknown-child-refused: a copy fails when the refusal of a child concerns the right to push', async () => {
    const [from, to] = [place(), place()];
    const thing = manifestOf('application/vnd.acme.thing.v1+json', { acme: true });
    await from.manifests.put(thing);
    await from.manifests.put(indexOf([thing.descriptor]), { tags: ['v1'] });
    const denied = new AuthError('DENIED', 'no');
    const closed: Repository = {
      ...to,
      manifests: { ...to.manifests, put: () => Promise.reject(denied) },
    };
    await failsWith(copyImage(from, 'v1', closed, { tags: ['v1'] }), 'DENIED');
    assert.equal(await to.blobs.stat(thing.descriptor.digest), undefined);
  });

  it('a copy treats a child of an unknown type as the manifest or the blob that it is at the source', async () => {
    const [from, to] = [place(), watched(place())];
    const thing = manifestOf('application/vnd.acme.thing.v1+json', { acme: true });
    await from.manifests.put(thing);
    const blob = blobOf('a wasm module');
    await give(from, blob);
    const index = indexOf([thing.descriptor, { ...blob.descriptor, mediaType: 'application/wasm' }]);
    await from.manifests.put(index, { tags: ['v1'] });
    await copyImage(from, 'v1', to.repository, { tags: ['v1'] });
    await assertThere(to.repository, index, thing);
    assert.deepEqual(
      to.of('put').toSorted(),
      [thing, index].map(({ descriptor }) => descriptor.digest).toSorted(),
    );
    assert.deepEqual(to.of('wrote'), [blob.descriptor.digest]);
    assertOrder(to.notes, index);
  });

  it('a copy moves a blob once that an image names twice', async () => {
    const [source, to] = [watched(place()), place()];
    await giveImage(source.repository, image('same', 'same'), 'v1');
    await copyImage(source.repository, 'v1', to);
    assert.equal(source.of('open').length, 2);
  });
});

describe('errors of copyImage', () => {
  const shared = blobOf('shared').descriptor.digest;
  const broken = new Error('the cable is out');
  const breaking =
    (step: Note['step'], what: (note: Note) => boolean): Hook =>
    (note) => {
      if (note.step === step && what(note)) throw broken;
    };

  for (const [name, side, step, hook, expected] of [
    ['reading the root', 'source', 'get', (root: string) => (what: string) => what === root, 'read v1'],
    ['reading a child', 'source', 'get', () => (what: string) => what !== 'v1', 'read manifest'],
    ['reading a blob', 'source', 'open', () => (what: string) => what === shared, 'read blob'],
    ['asking for the root', 'destination', 'resolve', () => (what: string) => what === 'v1', 'resolve v1'],
    ['asking for a child', 'destination', 'resolve', () => (what: string) => what !== 'v1', 'resolve'],
    ['writing a blob', 'destination', 'write', () => (what: string) => what === shared, 'write blob'],
    [
      'writing a child',
      'destination',
      'put',
      (_: string, index: string) => (what: string) => what !== index,
      'write manifest',
    ],
    [
      'writing the root',
      'destination',
      'put',
      (_: string, index: string) => (what: string) => what === index,
      'write manifest',
    ],
  ] as const) {
    it(`an error while ${name} has side, step, digest and cause, and no tag is set`, async () => {
      const [from, to] = [place(), place()];
      const { index } = await giveIndex(from);
      const matches = hook('v1', index.descriptor.digest);
      const hooked = breaking(step, ({ what }) => matches(what));
      const source = side === 'source' ? watched(from, hooked).repository : from;
      const target = side === 'destination' ? watched(to, hooked).repository : to;
      const failure = await copyFailure(copyImage(source, 'v1', target, { tags: ['v1'] }));
      assert.deepEqual(
        { ...failure, digest: undefined },
        { side, step: expected, digest: undefined, cause: broken },
      );
      assert.equal(failure.digest !== undefined, !expected.endsWith('v1'));
      if (expected.endsWith('blob')) assert.equal(failure.digest, shared);
      await assertNothingNamed(to);
    });
  }

  it('a copy of a missing root, child or blob fails with that cause', async () => {
    const from = place();
    const { one } = await giveIndex(from);
    assert.deepEqual(await copyFailure(copyImage(from, 'v2', place())), {
      side: 'source',
      step: 'read v2',
      digest: undefined,
      cause: 'MANIFEST_UNKNOWN',
    });
    await from.blobs.delete(shared);
    assert.deepEqual(await copyFailure(copyImage(from, 'v1', place())), {
      side: 'source',
      step: 'read blob',
      digest: shared,
      cause: 'BLOB_UNKNOWN',
    });
    await from.manifests.delete(one.descriptor.digest);
    const to = place();
    assert.deepEqual(await copyFailure(copyImage(from, 'v1', to, { tags: ['v1'] })), {
      side: 'source',
      step: 'read manifest',
      digest: one.descriptor.digest,
      cause: 'MANIFEST_UNKNOWN',
    });
    await assertNothingNamed(to);
  });

  it('a copy fetches corrupt bytes once more, and only once', async () => {
    for (const spoilt of ['SHARED', 'too long to be shared', '']) {
      const from = place();
      await giveIndex(from);
      let left = 1;
      const spoiling: Repository = {
        ...from,
        blobs: {
          ...from.blobs,
          open: (blob) => ({
            replayable: true,
            open(options) {
              const wanted = (typeof blob === 'string' ? blob : blob.digest) === shared && left-- > 0;
              return wanted ? blobOf(spoilt).content.open() : from.blobs.open(blob).open(options);
            },
          }),
        },
      };
      const to = watched(place());
      await copyImage(spoiling, 'v1', to.repository, { tags: ['v1'] });
      assert.equal(to.of('write').filter((digest) => digest === shared).length, 2);
      assert.equal(left, -1);
      const there = await read(to.repository.blobs.open(blobOf('shared').descriptor));
      assert.deepEqual(there, blobOf('shared').bytes);
    }
  });

  it('a copy of bytes with another digest leaves no blob and no tag', async () => {
    const from = place();
    await giveIndex(from);
    const lying: Repository = {
      ...from,
      blobs: {
        ...from.blobs,
        open: (blob) =>
          (typeof blob === 'string' ? blob : blob.digest) === shared
            ? blobOf('SHARED').content
            : from.blobs.open(blob),
      },
    };
    const to = watched(place());
    const failure = await copyFailure(copyImage(lying, 'v1', to.repository, { tags: ['v1'] }));
    assert.deepEqual([failure.digest, failure.cause], [shared, 'DIGEST_INVALID']);
    assert.equal(to.of('write').filter((digest) => digest === shared).length, 2);
    assert.equal(await to.repository.blobs.stat(shared), undefined);
    await assertNothingNamed(to.repository);
  });

  it('a failing copy aborts its parallel work and waits for its end', async () => {
    const from = place();
    await giveImage(from, image('fails', 'hangs'), 'v1');
    const [fails, hangs] = ['fails', 'hangs'].map((name) => blobOf(name).descriptor.digest);
    const ended: string[] = [];
    const source = watched(from, async ({ step, what }, { signal }) => {
      if (step !== 'open' || (what !== fails && what !== hangs)) return;
      if (what === fails) throw broken;
      await new Promise<void>((resolve) =>
        signal?.addEventListener('abort', () => resolve(), { once: true }),
      );
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(what);
      signal?.throwIfAborted();
    });
    const failure = await copyFailure(copyImage(source.repository, 'v1', place()));
    assert.deepEqual([failure.digest, failure.cause], [fails, broken]);
    assert.deepEqual(ended, [hangs]);
  });

  it('a copy that fails in several places at once leaves no unhandled rejection', async (test) => {
    const stray: unknown[] = [];
    const note = (reason: unknown): unknown => stray.push(reason);
    process.on('unhandledRejection', note);
    atEnd(test, () => process.off('unhandledRejection', note));
    const from = place();
    await giveIndex(from);
    for (const step of ['get', 'open', 'resolve', 'write', 'put'] as const) {
      const all = watched(
        from,
        breaking(step, () => true),
      );
      await copyFailure(
        copyImage(
          all.repository,
          'v1',
          watched(
            place(),
            breaking(step, () => true),
          ).repository,
        ),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(stray, []);
  });
});

describe('the abort of copyImage', () => {
  const reason = { why: 'the user went home' };

  for (const step of ['get', 'open', 'resolve', 'write', 'put'] satisfies Note['step'][]) {
    it(`an abort during "${step}" is rethrown unchanged, and no tag is set`, async () => {
      const [from, to] = [place(), place()];
      await giveIndex(from);
      const end = new AbortController();
      const hook: Hook = (note, { signal }) => {
        if (note.step === step) end.abort(reason);
        signal?.throwIfAborted();
      };
      const isSource = step === 'get' || step === 'open';
      const copying = copyImage(
        isSource ? watched(from, hook).repository : from,
        'v1',
        isSource ? to : watched(to, hook).repository,
        { tags: ['v1'], signal: end.signal },
      );
      assert.equal(await failureOf(copying), reason);
      await assertNothingNamed(to);
    });
  }

  it('an abort before the copy is rethrown unchanged', async () => {
    const from = place();
    await giveIndex(from);
    const copying = copyImage(from, 'v1', place(), { signal: AbortSignal.abort(reason) });
    assert.equal(await failureOf(copying), reason);
  });

  it('an abort after the copy changes nothing', async () => {
    const [from, to] = [place(), place()];
    await giveIndex(from);
    const end = new AbortController();
    await copyImage(from, 'v1', to, { tags: ['v1'], signal: end.signal });
    end.abort(reason);
    assert.ok(await to.manifests.resolve('v1'));
  });
});

async function eventsOf(from: Repository, to: Repository, options: CopyOptions = {}) {
  const events: CopyEvent[] = [];
  await copyImage(from, 'v1', to, { ...options, onEvent: (event) => events.push(event) });
  const progress = events.flatMap((event) => (event.kind === 'progress' ? [event] : []));
  const blobs = events.flatMap((event) => (event.kind === 'blob' ? [event.descriptor.digest] : []));
  let last = 0;
  for (const { complete, total } of progress) {
    assert.ok(complete >= last && complete <= total, `${complete} of ${total} after ${last}`);
    last = complete;
  }
  return { blobs, progress, last: progress.at(-1) };
}

async function giveLarge(repository: Repository): Promise<number> {
  const layers = [blobOf(noise(300_000)), blobOf('small')];
  const one = await giveImage(repository, { layers });
  const two = await giveImage(repository, { layers: [...layers, blobOf('other')] });
  await repository.manifests.put(indexOf([one.descriptor, two.descriptor]), { tags: ['v1'] });
  return emptyConfig.descriptor.size + 300_000 + 'small'.length + 'other'.length;
}

describe('the progress of copyImage', () => {
  it('the progress counts each digest once, never decreases and ends at the total', async () => {
    const from = place();
    const total = await giveLarge(from);
    const { blobs, last } = await eventsOf(from, place());
    assert.deepEqual(last, { kind: 'progress', moved: total, complete: total, sent: total, total });
    assert.equal(blobs.length, 4);
    assert.equal(new Set(blobs).size, 4);
  });

  it('the progress counts existing and mounted blobs as complete and not as sent', async () => {
    const registry = createMemoryRegistry();
    const from = registry.repository('a');
    const total = await giveLarge(from);
    const { last } = await eventsOf(from, registry.repository('b'), { mountFrom: 'a' });
    assert.deepEqual(last, { kind: 'progress', moved: total, complete: total, sent: 0, total });
  });

  it('the progress ends at the total also when an existing manifest makes its blobs unneeded', async () => {
    const [from, to] = [place(), place()];
    await giveLarge(from);
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    const { last } = await eventsOf(from, to, { tags: ['v1'] });
    assert.equal(last?.complete, last?.total);
    assert.equal(last?.sent ?? 0, 0);
  });
});

describe('copyImage of an empty image', () => {
  it('an image with an empty config and no layers is copied', async () => {
    const [from, to] = [place(), place()];
    await give(from, emptyConfig);
    const root = imageOf();
    await from.manifests.put(root);
    await copyImage(from, root.descriptor.digest, to);
    await assertThere(to, root);
  });
});
