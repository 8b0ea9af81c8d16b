import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import type { CopyEvent } from '../copy/events.ts';
import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, failsWith, giveImage, listOf } from '../testing/contract/sample.ts';
import type { HttpResponse, Send } from '../wire/message.ts';
import { type Client, createClient } from './client.ts';
import type { CopiedTag, SkippedName } from './copy-repository.ts';

const source = 'registry.test/source';
const target = 'registry.test/target';

interface Scene {
  readonly client: Client;
  readonly from: Repository;
  readonly to: Repository;
}

/** A client over one registry in memory. `spoil` may answer in its place. */
function scene(
  test: TestContext,
  spoil: (line: string) => HttpResponse | Promise<HttpResponse> | undefined = () => undefined,
): Scene {
  const memory = createMemoryRegistry();
  const app = createApp(memory);
  const transport: Send = async (request) =>
    (await spoil(`${request.method} ${new URL(request.url).pathname}`)) ?? app(request);
  const client = createClient({ transport, keychain: async () => undefined, retry: { attempts: 1 } });
  atEnd(test, () => client.close());
  return { client, from: memory.repository('source'), to: memory.repository('target') };
}

function answer(status: number, body: unknown = {}): HttpResponse {
  const bytes = new TextEncoder().encode(JSON.stringify(body));
  return { status, headers: {}, body: bytesContent(bytes).open() };
}

async function giveTags(from: Repository, ...tags: readonly string[]): Promise<void> {
  for (const tag of tags) await giveImage(from, { layers: [blobOf(`layer of ${tag}`)] }, tag);
}

/** Reads a copy to its end or failure. */
async function yielded(copying: AsyncIterable<CopiedTag | SkippedName>) {
  const tags: string[] = [];
  let failure: unknown;
  try {
    for await (const { tag, outcome } of copying) tags.push(`${tag} ${outcome}`);
  } catch (error) {
    failure = error;
  }
  return { tags, failure };
}

describe('copyRepository that fails in the middle', () => {
  for (const [what, line, code] of [
    ['the manifest of a tag cannot be read', 'GET /v2/source/manifests/c', 'DENIED'],
    ['the manifest of a tag is refused', 'PUT /v2/target/manifests/c', 'DENIED'],
  ] as const) {
    it(`copyRepository yields the tags before the failing one when ${what}`, async (test) => {
      const { client, from, to } = scene(test, (asked) => (asked === line ? answer(403) : undefined));
      await giveTags(from, 'a', 'b', 'c', 'd', 'e');
      const { tags, failure } = await yielded(client.copyRepository(source, target, { jobs: 1 }));
      assert.ok(isGantryError(failure, code), String(failure));
      assert.deepEqual(tags, ['a copied', 'b copied']);
      assert.equal(await to.manifests.resolve('c'), undefined);
      assert.deepEqual((await listOf(to.tags.list())).slice(0, 2), ['a', 'b']);
    });
  }

  it('copyRepository ends its running copies before it reports a failure', async (test) => {
    let running = 0;
    const { client, from } = scene(test, (line) => {
      if (line === 'GET /v2/source/manifests/a') return answer(403);
      running++;
      return undefined;
    });
    await giveTags(from, 'a', 'b', 'c', 'd');
    const { failure } = await yielded(client.copyRepository(source, target, { jobs: 4 }));
    assert.ok(isGantryError(failure, 'DENIED'));
    const after = running;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(running, after);
  });

  it('copyRepository fails when the second page of tags cannot be read', async (test) => {
    const { client, from } = scene(test, (line) => {
      if (line !== 'GET /v2/source/tags/list') return undefined;
      return {
        ...answer(200, { name: 'source', tags: ['a'] }),
        headers: { link: ['</v2/gone>; rel="next"'] },
      };
    });
    await giveTags(from, 'a', 'b');
    const { failure } = await yielded(client.copyRepository(source, target, { jobs: 1 }));
    assert.ok(isGantryError(failure), String(failure));
  });

  it('copyRepository after a failure continues with the tags that are missing', async (test) => {
    let isBroken = true;
    const { client, from, to } = scene(test, (line) =>
      isBroken && line === 'PUT /v2/target/manifests/b' ? answer(403) : undefined,
    );
    await giveTags(from, 'a', 'b', 'c');
    await failsWith(listOf(client.copyRepository(source, target, { jobs: 1 })), 'DENIED');
    isBroken = false;
    const { tags, failure } = await yielded(client.copyRepository(source, target, { noClobber: true }));
    assert.deepEqual([tags[0], failure], ['a kept', undefined]);
    assert.deepEqual(await listOf(to.tags.list()), ['a', 'b', 'c']);
  });

  it('the last event of a failed copyRepository is its end with the error', async (test) => {
    const { client, from } = scene(test, (line) =>
      line === 'GET /v2/source/manifests/b' ? answer(403) : undefined,
    );
    await giveTags(from, 'a', 'b');
    const events: CopyEvent[] = [];
    const onEvent = (event: CopyEvent): void => void events.push(event);
    const { failure } = await yielded(client.copyRepository(source, target, { jobs: 1, onEvent }));
    const last = events.at(-1);
    assert.ok(last?.kind === 'end');
    assert.equal(last.error, failure);
    assert.equal(events.filter(({ kind }) => kind === 'end').length, 1);
  });

  it('copyRepository calls admit once for each tag, and writes nothing of a rejected one', async (test) => {
    const { client, from, to } = scene(test);
    await giveTags(from, 'a', 'b', 'c');
    const bad = await from.manifests.resolve('b');
    const refusal = new Error('no signature');
    const seen: string[] = [];
    const copying = client.copyRepository(source, target, {
      jobs: 1,
      admit({ descriptor }) {
        seen.push(descriptor.digest);
        if (descriptor.digest === bad?.digest) throw refusal;
      },
    });
    const { tags, failure } = await yielded(copying);
    assert.equal(failure, refusal);
    assert.deepEqual(tags, ['a copied']);
    assert.equal(seen.filter((digest) => digest === bad?.digest).length, 1);
    assert.equal(await to.manifests.resolve(bad?.digest ?? ''), undefined);
    const unseen = await to.blobs.stat(blobOf('layer of b').descriptor.digest);
    assert.equal(unseen, undefined);
  });
});

describe('copyRepository of unusual lists', () => {
  it('copyRepository skips names that cannot be tags and goes on', async (test) => {
    const { client, from, to } = scene(test, (line) =>
      line === 'GET /v2/source/tags/list'
        ? answer(200, { name: 'source', tags: ['a', `sha256:${'0'.repeat(64)}`, '-x', 'b'] })
        : undefined,
    );
    await giveTags(from, 'a', 'b');
    const { tags, failure } = await yielded(client.copyRepository(source, target));
    assert.equal(failure, undefined);
    assert.deepEqual(tags, ['a copied', `sha256:${'0'.repeat(64)} skipped`, '-x skipped', 'b copied']);
    assert.deepEqual(await listOf(to.tags.list()), ['a', 'b']);
  });

  it('copyRepository with referrers leaves out the tags of lists of referrers', async (test) => {
    const { client, from } = scene(test);
    const image = await giveImage(from, {}, 'a');
    await giveImage(from, {}, image.descriptor.digest.replace(':', '-'));
    const copying = client.copyRepository(source, target, { referrers: true });
    assert.deepEqual((await yielded(copying)).tags, ['a copied']);
    const without = await yielded(client.copyRepository(source, 'registry.test/other'));
    assert.equal(without.tags.length, 2);
  });

  it('copyRepository with replace is refused, since a repository is no archive', async (test) => {
    const { client } = scene(test);
    await failsWith(listOf(client.copyRepository(source, target, { replace: true })), 'INVALID_OPTION');
  });

  it('copyRepository into the same repository leaves it as before', async (test) => {
    const { client, from } = scene(test);
    await giveTags(from, 'a', 'b');
    const before = await from.manifests.resolve('a');
    assert.deepEqual((await yielded(client.copyRepository(source, source))).tags, ['a copied', 'b copied']);
    assert.deepEqual(await from.manifests.resolve('a'), before);
  });
});
