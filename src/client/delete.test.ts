import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { bytesContent } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, failsWith, giveImage, indexOf, listOf } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import { type Client, createClient } from './client.ts';

const digest = `sha256:${'0'.repeat(64)}`;

interface Scene {
  readonly client: Client;
  readonly app: Repository;
  readonly asked: readonly string[];
}

/** A client over a registry in memory. `spoil` may answer in its place. */
function scene(test: TestContext, spoil: (line: string) => number | undefined = () => undefined): Scene {
  const memory = createMemoryRegistry();
  const served = createApp(memory);
  const asked: string[] = [];
  const transport: Send = async (request) => {
    const line = `${request.method} ${new URL(request.url).pathname}`;
    asked.push(line);
    const status = spoil(line);
    return status === undefined
      ? served(request)
      : { status, headers: {}, body: bytesContent(new Uint8Array(0)).open() };
  };
  const client = createClient({ transport, keychain: async () => undefined, retry: { attempts: 1 } });
  atEnd(test, () => client.close());
  return { client, app: memory.repository('acme/app'), asked };
}

const name = 'registry.test/acme/app';

describe('deleteEach with dryRun', () => {
  it('deleteEach with dryRun names every tag that goes with a digest, and deletes nothing', async (test) => {
    const { client, app, asked } = scene(test);
    const image = await giveImage(app, { layers: [blobOf('one')] }, 'a', 'b');
    await giveImage(app, { layers: [blobOf('two')] }, 'c');
    const reference = `${name}@${image.descriptor.digest}`;
    const [only] = await listOf(client.deleteEach([reference], { dryRun: true }));
    assert.deepEqual(only, {
      reference,
      digest: image.descriptor.digest,
      outcome: 'planned',
      reason: 'with every tag on it: a, b',
    });
    assert.ok(asked.every((line) => !line.startsWith('DELETE')));
    assert.deepEqual(await listOf(app.tags.list()), ['a', 'b', 'c']);
  });

  it('deleteEach with dryRun says when a digest has no tag', async (test) => {
    const { client, app } = scene(test);
    const image = await giveImage(app);
    const [only] = await listOf(client.deleteEach([`${name}@${image.descriptor.digest}`], { dryRun: true }));
    assert.deepEqual([only?.outcome, only?.reason], ['planned', 'no tag is on it']);
  });

  it('deleteEach with dryRun finds the digest of a tag, which goes alone', async (test) => {
    const { client, app } = scene(test);
    const image = await giveImage(app, {}, '1');
    const [only] = await listOf(client.deleteEach([`${name}:1`], { dryRun: true }));
    assert.deepEqual([only?.digest, only?.reason], [image.descriptor.digest, 'the tag alone']);
  });

  it('deleteEach with dryRun fails for an absent image, and goes on with the next one', async (test) => {
    const { client, app } = scene(test);
    await giveImage(app, {}, '1');
    const all = await listOf(
      client.deleteEach([`${name}:none`, `${name}@${digest}`, `${name}:1`], { dryRun: true }),
    );
    assert.deepEqual(
      all.map(({ outcome, error }) => [outcome, error?.code]),
      [
        ['failed', 'MANIFEST_UNKNOWN'],
        ['failed', 'MANIFEST_UNKNOWN'],
        ['planned', undefined],
      ],
    );
  });

  it('deleteEach with dryRun fails for a digest whose tags cannot be read', async (test) => {
    const { client, app } = scene(test, (line) =>
      line === 'HEAD /v2/acme/app/manifests/b' ? 500 : undefined,
    );
    const image = await giveImage(app, {}, 'a', 'b', 'c');
    const [only] = await listOf(client.deleteEach([`${name}@${image.descriptor.digest}`], { dryRun: true }));
    assert.deepEqual([only?.outcome, only?.error?.response?.status], ['failed', 500]);
  });
});

describe('deleteEach', () => {
  it('a misspelled reference among several deletes nothing', async (test) => {
    const { client, app, asked } = scene(test);
    await giveImage(app, {}, '1');
    await failsWith(listOf(client.deleteEach([`${name}:1`, `${name}:not a tag`])), 'INVALID_REFERENCE');
    assert.deepEqual(asked, []);
  });

  it('a reference on disk among several deletes nothing', async (test) => {
    const { client, asked } = scene(test);
    const places = [`${name}:1`, { kind: 'oci', path: 'folder' } as const];
    await failsWith(listOf(client.deleteEach(places)), 'INVALID_REFERENCE');
    assert.deepEqual(asked, []);
  });

  it('a digest is deleted with its tags, and the same reference once more is a failure', async (test) => {
    const { client, app } = scene(test);
    const image = await giveImage(app, {}, 'a', 'b');
    const reference = `${name}@${image.descriptor.digest}`;
    const all = await listOf(client.deleteEach([reference, reference]));
    assert.deepEqual(
      all.map(({ outcome, digest: of }) => [outcome, of]),
      [
        ['deleted', image.descriptor.digest],
        ['failed', image.descriptor.digest],
      ],
    );
    assert.deepEqual(await listOf(app.tags.list()), []);
  });

  it('no deletion follows when the caller leaves the loop', async (test) => {
    const { client, app } = scene(test);
    await giveImage(app, {}, 'a', 'b');
    for await (const { outcome } of client.deleteEach([`${name}:a`, `${name}:b`])) {
      assert.equal(outcome, 'deleted');
      break;
    }
    assert.deepEqual(await listOf(app.tags.list()), ['b']);
  });

  it('an error that is none of gantry ends deleteEach unchanged', async (test) => {
    const bug = new TypeError('a bug of a transport');
    const client = createClient({ transport: () => Promise.reject(bug), retry: { attempts: 1 } });
    atEnd(test, () => client.close());
    await assert.rejects(listOf(client.deleteEach([`${name}:1`])), (error) => error === bug);
  });
});

describe('prune', () => {
  it('prune with dryRun plans and sends no DELETE', async (test) => {
    const { client, app, asked } = scene(test);
    await giveImage(app, { layers: [blobOf('one')] }, 'old-1');
    await giveImage(app, { layers: [blobOf('two')] }, 'new-1');
    const all = await listOf(client.prune(name, { match: 'old-*', dryRun: true }));
    assert.deepEqual(
      all.map(({ reference, outcome }) => [reference, outcome]),
      [[`${name}:old-1`, 'planned']],
    );
    assert.ok(asked.every((line) => !line.startsWith('DELETE')));
  });

  it('prune keeps the image of a nested index that stays', async (test) => {
    const { client, app } = scene(test);
    const image = await giveImage(app, { layers: [blobOf('one')] }, 'old-1');
    const inner = indexOf([image.descriptor]);
    await app.manifests.put(inner);
    await app.manifests.put(indexOf([inner.descriptor]), { tags: ['release'] });
    const [only] = await listOf(client.prune(name, { match: 'old-*' }));
    assert.equal(only?.outcome, 'deleted');
    assert.match(only?.reason ?? '', /the tag alone/);
    assert.notEqual(await app.manifests.resolve(image.descriptor.digest), undefined);
    assert.deepEqual(await listOf(app.tags.list()), ['release']);
  });

  it('prune keeps the image of a tag while a remaining index cannot be read', async (test) => {
    const { client, app } = scene(test, (line) =>
      line.startsWith('GET /v2/acme/app/manifests/sha256:') ? 500 : undefined,
    );
    const image = await giveImage(app, { layers: [blobOf('one')] }, 'old-1');
    await app.manifests.put(indexOf([]), { tags: ['release'] });
    const [only] = await listOf(client.prune(name, { match: 'old-*' }));
    assert.match(only?.reason ?? '', /the tag alone: tag release can't be read/);
    assert.notEqual(await app.manifests.resolve(image.descriptor.digest), undefined);
  });

  it('prune goes on after a failed deletion, whose outcome has the error', async (test) => {
    const { client, app } = scene(test, (line) => (line.startsWith('DELETE') ? 403 : undefined));
    await giveImage(app, { layers: [blobOf('one')] }, 'old-1');
    await giveImage(app, { layers: [blobOf('two')] }, 'old-2');
    const all = await listOf(client.prune(name, { match: 'old-*' }));
    assert.deepEqual(
      all.map(({ outcome, error }) => [outcome, error?.code]),
      [
        ['failed', 'DENIED'],
        ['failed', 'DENIED'],
      ],
    );
    assert.deepEqual(await listOf(app.tags.list()), ['old-1', 'old-2']);
  });
});
