import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { blobPath } from '../blobfile/blob-file.ts';
import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Registry } from '../store/contract.ts';
import { blobOf, emptyConfig, failsWith, give, imageOf, listOf, read } from '../testing/contract/sample.ts';
import { checkStore } from './check.ts';
import { collectGarbage } from './garbage.ts';
import { newPath, within } from './store.test.support.ts';

/** Many calls to one store at once: the calls of a served registry. */

const layer = blobOf('a layer');
const images = Array.from({ length: 4 }, (_, n) => imageOf({ layers: [layer], annotations: { n: `${n}` } }));

/** Waits for all calls. Returns the codes of the errors. */
async function codesOf(calls: readonly Promise<unknown>[]): Promise<string[]> {
  const codes: string[] = [];
  for (const result of await Promise.allSettled(calls)) {
    if (result.status === 'fulfilled') continue;
    if (!isGantryError(result.reason)) throw result.reason;
    codes.push(result.reason.code);
  }
  return codes;
}

async function leftovers(path: string): Promise<string[]> {
  return (await Promise.all(['tmp', 'uploads'].map((name) => readdir(join(path, name))))).flat();
}

describe('calls to a store at once', () => {
  it('one blob that many clients push into many repositories at once is stored once', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const names = Array.from({ length: 12 }, (_, n) => `r${n % 4}`);
      await Promise.all(
        names.map(async (name) => {
          const { blobs } = registry.repository(name);
          await (await blobs.start()).commit(layer.descriptor.digest, bytesContent(layer.bytes));
        }),
      );
      // The four repositories and the pool.
      assert.equal((await stat(blobPath(path, layer.descriptor.digest))).nlink, 5);
      for (const name of new Set(names))
        assert.deepEqual(await read(registry.repository(name).blobs.open(layer.descriptor)), layer.bytes);
      assert.deepEqual(await leftovers(path), []);
    });
  });

  it('only one of many puts that may not move a tag gets the tag, and the others store nothing', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const app = registry.repository('app');
      await give(app, emptyConfig, layer);
      const puts = images.map((image) => app.manifests.put(image, { tags: ['v1'], createOnly: true }));
      assert.deepEqual(await codesOf(puts), ['DENIED', 'DENIED', 'DENIED']);
      const winner = (await app.manifests.resolve('v1'))?.digest;
      const there: Digest[] = [];
      for (const { descriptor } of images)
        if ((await app.manifests.resolve(descriptor.digest)) !== undefined) there.push(descriptor.digest);
      assert.deepEqual(there, [winner]);
    });
    assert.deepEqual((await checkStore(path)).findings, []);
  });

  it('puts of the same tags in different orders do not wait for each other, and one image gets each tag', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const app = registry.repository('app');
      await give(app, emptyConfig, layer);
      const orders = [
        ['a', 'b', 'c'],
        ['c', 'b', 'a'],
        ['b', 'c', 'a', 'a'],
        ['a', 'c'],
      ];
      await Promise.all(images.map((image, at) => app.manifests.put(image, { tags: orders[at] })));
      const digests = images.map(({ descriptor }) => descriptor.digest);
      for (const tag of ['a', 'b', 'c'])
        assert.ok(digests.includes((await app.manifests.get(tag)).descriptor.digest));
      assert.deepEqual(await listOf(app.tags.list()), ['a', 'b', 'c']);
    });
    assert.deepEqual((await checkStore(path)).findings, []);
  });

  it('a session that several callers commit at once stores the blob, and tells the others that it has ended', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const { blobs } = registry.repository('app');
      const upload = await blobs.start();
      await upload.append(layer.content);
      const commits = Array.from({ length: 3 }, async () =>
        (await blobs.resume(upload.id)).commit(layer.descriptor.digest),
      );
      assert.deepEqual(await codesOf(commits), ['BLOB_UPLOAD_UNKNOWN', 'BLOB_UPLOAD_UNKNOWN']);
      assert.deepEqual(await read(blobs.open(layer.descriptor)), layer.bytes);
      assert.deepEqual(await leftovers(path), []);
    });
  });

  it('a session that is cancelled while it is committed ends as a blob or as nothing', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const { blobs } = registry.repository('app');
      for (const first of ['commit', 'cancel'] as const) {
        const upload = await blobs.start();
        await upload.append(layer.content);
        const commit = (): Promise<unknown> => upload.commit(layer.descriptor.digest);
        const calls = first === 'commit' ? [commit(), upload.cancel()] : [upload.cancel(), commit()];
        const codes = await codesOf(calls);
        assert.deepEqual(codes, first === 'commit' ? [] : ['BLOB_UPLOAD_UNKNOWN']);
        const there = await blobs.stat(layer.descriptor.digest);
        assert.equal(there !== undefined, first === 'commit');
        await blobs.delete(layer.descriptor.digest);
        assert.deepEqual(await leftovers(path), []);
      }
    });
  });

  it('a reader that has opened a blob reads it to its end although it is deleted and collected meanwhile', async (test) => {
    const path = await newPath(test);
    await within(path, async (registry) => {
      const app = registry.repository('app');
      const large = blobOf('a large layer '.repeat(40_000));
      await give(app, large);
      const reading = app.blobs.open(large.descriptor).open()[Symbol.asyncIterator]();
      let length = (await reading.next()).value?.byteLength ?? 0;
      await app.blobs.delete(large.descriptor.digest);
      await listOf(collectGarbage(path, { grace: -60_000, untagged: true }));
      for (let next = await reading.next(); next.done !== true; next = await reading.next())
        length += next.value.byteLength;
      assert.equal(length, large.descriptor.size);
      await failsWith(read(app.blobs.open(large.descriptor)), 'BLOB_UNKNOWN');
    });
  });

  it('any calls at once leave a sound store in which each tag names a whole image', async (test) => {
    const path = await newPath(test);
    const call = fc.record({
      kind: fc.constantFrom('push', 'push', 'put', 'delete', 'untag', 'mount', 'collect'),
      at: fc.nat(images.length - 1),
      tag: fc.constantFrom('v1', 'v2'),
      name: fc.constantFrom('a', 'b'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 4, maxLength: 16 }), async (calls) => {
        await within(path, async (registry) => {
          await codesOf(
            calls.map(({ kind, at, tag, name }) =>
              done(registry, path, { kind, image: images[at] ?? imageOf(), tag, name }),
            ),
          );
          for (const name of ['a', 'b']) await isSound(registry, name);
          assert.deepEqual(await leftovers(path), []);
        });
        assert.deepEqual((await checkStore(path)).findings, []);
      }),
      { numRuns: 20 },
    );
  });
});

interface Call {
  readonly kind: string;
  readonly image: Manifest;
  readonly tag: string;
  readonly name: string;
}

async function done(registry: Registry, path: string, { kind, image, tag, name }: Call): Promise<unknown> {
  const { blobs, manifests, tags } = registry.repository(name);
  switch (kind) {
    case 'push':
      await give(registry.repository(name), emptyConfig, layer);
      return manifests.put(image, { tags: [tag] });
    case 'put':
      return manifests.put(image, { tags: ['v1', 'v2'] });
    case 'delete':
      return manifests.delete(image.descriptor.digest);
    case 'untag':
      return tags.delete(tag);
    case 'mount':
      return blobs.mount(layer.descriptor.digest, { from: name === 'a' ? 'b' : 'a' });
    default:
      return listOf(collectGarbage(path, { grace: -60_000, untagged: true }));
  }
}

async function isSound(registry: Registry, name: string): Promise<void> {
  const { blobs, manifests, tags } = registry.repository(name);
  const names = await listOf(tags.list()).catch(() => []);
  for (const tag of names) {
    const { body } = await manifests.get(tag);
    assert(body.kind === 'image');
    for (const blob of [body.config, ...body.layers]) await read(blobs.open(blob));
  }
}
