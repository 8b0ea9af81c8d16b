import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  type CopyEvent,
  copyImage,
  createArchive,
  digestOf,
  type Manifest,
  MediaType,
  openArchive,
  openLayout,
  parseManifest,
  type Repository,
} from '../../src/index.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { isReferrersTag, referrersTag } from '../../src/spec/referrers-tag.ts';
import { referrerEntry } from '../../src/store/referrers.ts';
import { failsWith, indexOf, listOf } from '../../src/testing/contract/sample.ts';
import type { Middleware } from '../../src/wire/message.ts';
import { answer } from '../../src/wire/reply.ts';
import { folder } from '../folder.ts';
import { assertHolds, fill, plain } from './graph.ts';
import { empty, noteOf } from './notes.ts';
import { behind, withoutApi } from './registries.ts';

/** A place to copy to and from: the test writes it first, then opens it for reading. */
interface Kind {
  readonly name: string;
  open(test: TestContext): Promise<{ readonly to: Repository; read(): Promise<Repository> }>;
}

const kinds: readonly Kind[] = [
  { name: 'a registry with the API', open: async () => registry() },
  { name: 'a registry without the API', open: async () => registry(withoutApi()) },
  {
    name: 'a layout',
    async open(test) {
      const path = join(await folder(test), 'layout');
      const to = await openLayout(path, { mode: 'write' });
      return { to, read: () => openLayout(path, { mode: 'read' }) };
    },
  },
  {
    name: 'an archive',
    async open(test) {
      const path = join(await folder(test), 'archive.tar');
      return { to: await createArchive(path, { format: 'oci' }), read: () => openArchive(path) };
    },
  },
];

function registry(...habits: readonly Middleware[]) {
  const { repository } = behind(...habits);
  return { to: repository, read: async () => repository };
}

async function lists(place: Repository): Promise<readonly string[]> {
  return (await listOf(place.tags.list())).filter(isReferrersTag);
}

describe('a copy with referrers', () => {
  for (const source of kinds) {
    for (const destination of kinds) {
      it(`a copy brings all referrers from ${source.name} to ${destination.name}`, async (test) => {
        const [origin, target] = [await source.open(test), await destination.open(test)];
        const graph = await fill(origin.to);
        await origin.to.commit();
        await using from = await origin.read();
        await copyImage(from, 'v1', target.to, { tags: ['copied'], referrers: true });
        await target.to.commit();
        await using place = await target.read();
        await assertHolds(place, graph);
        // It lists referrers in its own way, not in that of the source.
        const withLists = destination.name === 'a registry without the API';
        assert.equal((await lists(place)).length, withLists ? graph.referrers.length : 0);
        await origin.to[Symbol.asyncDispose]();
        await target.to[Symbol.asyncDispose]();
      });
    }
  }

  it('a copy without a tag leaves the root under its digest', async () => {
    const [from, to] = [registry().to, registry().to];
    const graph = await fill(from);
    await copyImage(from, 'v1', to, { referrers: true });
    assert.deepEqual((await listOf(to.tags.list())).toSorted(), graph.tags.toSorted());
    assert.notEqual(await to.manifests.resolve(graph.root.descriptor.digest), undefined);
  });

  it('a copy writes the tag after everything else', async () => {
    const [from, to] = [registry().to, registry().to];
    await fill(from);
    const written: (readonly string[])[] = [];
    const onEvent = (event: CopyEvent): void => {
      if (event.kind === 'manifest' && event.outcome === 'written') written.push(event.tags);
    };
    await copyImage(from, 'v1', to, { tags: ['copied', 'again'], referrers: true, onEvent });
    assert.deepEqual(written.at(-1), ['copied', 'again']);
    assert.equal(written.flat().filter((tag) => tag === 'copied').length, 1);
  });

  it('a second copy sends nothing', async () => {
    const origin = behind();
    const target = behind(withoutApi());
    const graph = await fill(origin.repository);
    await copyImage(origin.repository, 'v1', target.repository, { tags: ['copied'], referrers: true });
    const puts = target.count('PUT manifests');
    await copyImage(origin.repository, 'v1', target.repository, { tags: ['copied'], referrers: true });
    assert.equal(target.count('PUT manifests'), puts);
    assert.equal(target.count('POST '), target.asked.filter((line) => line.startsWith('POST')).length);
    await assertHolds(target.repository, graph);
  });

  it('a copy lists a stored referrer that was never listed', async () => {
    const { repository: from } = behind();
    const target = behind(withoutApi());
    const graph = await fill(from);
    await copyImage(from, 'v1', target.repository, { tags: ['copied'], referrers: true });
    const list = referrersTag(graph.root.descriptor.digest);
    await target.place.tags.delete(list);
    await copyImage(from, 'v1', target.repository, { tags: ['copied'], referrers: true });
    await assertHolds(target.repository, graph);
  });

  it('a copy takes only referrers of the chosen images', async () => {
    const platforms = [{ os: 'linux', architecture: 'arm64' }];
    for (const options of [{ platforms }, { platforms, sparse: true }]) {
      const [from, to] = [registry().to, registry().to];
      const { child } = await fill(from);
      const root = await copyImage(from, 'v1', to, { ...options, tags: ['copied'], referrers: true });
      assert.deepEqual(await listOf(to.referrers(child)), []);
      const onRoot = await listOf(to.referrers(root.digest));
      assert.equal(onRoot.length, 'sparse' in options ? 2 : 0);
    }
  });

  it('a copy skips listed referrers that are gone or refer to something else', async () => {
    const { repository: from, place } = behind(withoutApi());
    const graph = await fill(from);
    const { digest } = graph.root.descriptor;
    const stray = noteOf('about something else', empty.descriptor);
    await place.manifests.put(stray);
    const listed = [referrerEntry(noteOf('gone', plain(graph.root))), referrerEntry(stray)];
    const list = await from.manifests.get(referrersTag(digest));
    assert.ok(list.body.kind === 'index');
    await place.manifests.put(indexOf([...list.body.manifests, ...listed]), { tags: [referrersTag(digest)] });
    const { to } = registry();
    await copyImage(from, 'v1', to, { tags: ['copied'], referrers: true });
    await assertHolds(to, graph);
    assert.equal(await to.manifests.resolve(stray.descriptor.digest), undefined);
  });

  it('a copy ends when a list leads back, and refuses an endless one', async () => {
    const { repository: from, place } = behind();
    const graph = await fill(from);
    const circle: Repository = {
      ...place,
      async *referrers(subject) {
        yield* place.referrers(subject);
        yield graph.root.descriptor;
      },
    };
    const { to } = registry();
    await copyImage(circle, 'v1', to, { tags: ['copied'], referrers: true });
    await assertHolds(to, graph);
    await failsWith(copyImage(endless(), 'v1', registry().to, { referrers: true }), 'MANIFEST_INVALID');
  });

  const refusals: readonly (readonly [side: 'source' | 'destination', what: string, part: RegExp])[] = [
    ['source', 'to list referrers', /^GET .*\/referrers\//],
    ['source', 'a referrer', /^GET .*\/manifests\/sha256:/],
    ['source', "cosign's tag", /^GET .*\.sig$/],
    ['destination', 'a referrer', /^PUT .*\/manifests\/sha256:/],
    ['destination', "cosign's tag", /^PUT .*\.sig$/],
  ];
  for (const [side, what, part] of refusals) {
    it(`a copy reports that the ${side} failed when it refuses ${what}, and writes no tag`, async () => {
      let refuses = false;
      const refusing: Middleware = (next) => async (request) =>
        refuses && part.test(`${request.method} ${request.url}`) ? answer(403) : next(request);
      const [from, to] = [
        registry(...(side === 'source' ? [refusing] : [])).to,
        behind(...(side === 'destination' ? [refusing] : [])),
      ];
      await fill(from);
      refuses = true;
      await assert.rejects(copyImage(from, 'v1', to.repository, { tags: ['copied'], referrers: true }), {
        code: 'DENIED',
        side,
      });
      assert.equal(await to.place.manifests.resolve('copied'), undefined);
    });
  }

  it('a copy ends with the reason of its signal', async () => {
    const { repository: from } = behind();
    await fill(from);
    const abort = new AbortController();
    const to = behind((next) => (request) => {
      if (request.method === 'GET' && request.url.includes('sha256:')) abort.abort('enough');
      if (request.method === 'PUT') abort.abort('enough');
      return next(request);
    }).repository;
    await assert.rejects(
      copyImage(from, 'v1', to, { tags: ['copied'], referrers: true, signal: abort.signal }),
      (error) => error === 'enough',
    );
  });
});

/** Makes a repository in which every manifest has a new referrer. */
function endless(): Repository {
  const repository = createMemoryRegistry().repository('endless/app');
  const known = new Map<string, Manifest>();
  const keep = (manifest: Manifest): Manifest => {
    known.set(manifest.descriptor.digest, manifest);
    return manifest;
  };
  const bytes = new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] }),
  );
  const root = keep(parseManifest(bytes, { digest: digestOf(bytes) }));
  return {
    ...repository,
    manifests: {
      ...repository.manifests,
      get: (reference, options) => {
        const manifest = reference === 'v1' ? root : known.get(reference);
        return manifest === undefined
          ? repository.manifests.get(reference, options)
          : Promise.resolve(manifest);
      },
    },
    async *referrers(subject) {
      const manifest = known.get(subject);
      if (manifest !== undefined) yield keep(indexOf([], { subject: plain(manifest) })).descriptor;
    },
  };
}
