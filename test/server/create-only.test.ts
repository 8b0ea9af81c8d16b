import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { isGantryError } from '../../src/errors.ts';
import { parseManifest } from '../../src/json/manifest.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { type Ask, digestText, ociIndex } from '../../src/server/ask.test.support.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import type { Registry, Repository } from '../../src/store/contract.ts';
import { as, askingWith, guardedApp } from './access-stage.ts';
import { openDisk } from './rows-stage.ts';

const stores: readonly (readonly [name: string, open: (test: TestContext) => Promise<Registry>])[] = [
  ['in memory', async () => createMemoryRegistry()],
  ['on disk', async (test) => (await openDisk(test)).registry],
];

const rules = `
rules:
  - { repositories: ['releases/*'], users: [alice], allow: [pull, push, delete] }
  - { repositories: ['releases/*'], users: [bob], allow: [pull, create] }
`;

const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json';

function indexText(by: string, type?: string): string {
  const mediaType = type === undefined ? {} : { mediaType: type };
  return JSON.stringify({ schemaVersion: 2, ...mediaType, manifests: [], annotations: { by } });
}

function indexBy(by: string): Manifest {
  const bytes = new TextEncoder().encode(indexText(by, ociIndex));
  return parseManifest(bytes, { digest: digestText(indexText(by, ociIndex)) });
}

/**
 * Waits for the microtasks and turns of the event loop before the second put, so that it meets every step of the first.
 */
async function after(steps: number): Promise<void> {
  for (let at = 0; at < steps; at++) {
    if (at % 2 === 0) await Promise.resolve();
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

async function outcome(put: Promise<void>): Promise<'put' | 'denied'> {
  try {
    await put;
    return 'put';
  } catch (error) {
    if (isGantryError(error, 'DENIED')) return 'denied';
    throw error;
  }
}

async function tagOf({ manifests }: Repository, tag: string): Promise<string | undefined> {
  return (await manifests.resolve(tag))?.digest;
}

async function users(registry: Registry): Promise<Readonly<Record<'alice' | 'bob', Ask>>> {
  const { ask } = await guardedApp({ registry, rules });
  return { alice: askingWith(ask, as('alice')), bob: askingWith(ask, as('bob')) };
}

for (const [where, open] of stores) {
  describe(`a put that may only create, ${where}`, () => {
    it('create-moves-tag: createOnly never moves a tag that another client sets meanwhile', async (test) => {
      const repository = (await open(test)).repository('releases/app');
      for (let steps = 0; steps < 60; steps++) {
        const [mine, hers] = [indexBy(`bob ${steps}`), indexBy(`alice ${steps}`)];
        const tag = `v${steps}`;
        const bob = outcome(repository.manifests.put(mine, { tags: [`${tag}-bob`, tag], createOnly: true }));
        await after(steps);
        await repository.manifests.put(hers, { tags: [tag] });
        const came = await bob;
        assert.equal(await tagOf(repository, tag), hers.descriptor.digest, `${steps} steps: ${came}`);
        const own = came === 'put' ? mine.descriptor.digest : undefined;
        assert.equal(await tagOf(repository, `${tag}-bob`), own, `${steps} steps: all tags or none`);
      }
    });

    it('create-moves-tag: of two concurrent puts with one tag one succeeds, for any order of their tags', async (test) => {
      const repository = (await open(test)).repository('releases/app');
      for (let steps = 0; steps < 20; steps++) {
        const tags = [`a${steps}`, `b${steps}`];
        const puts = ['one', 'two'].map(async (by, at) => {
          await after(at * steps);
          const ordered = at === 0 ? tags : tags.toReversed();
          return outcome(
            repository.manifests.put(indexBy(`${by} ${steps}`), { tags: ordered, createOnly: true }),
          );
        });
        assert.deepEqual((await Promise.all(puts)).sort(), ['denied', 'put']);
        assert.equal(await tagOf(repository, tags[0] ?? ''), await tagOf(repository, tags[1] ?? ''));
      }
    });

    it('create-moves-tag: the same bytes may be put under a tag that leads to them', async (test) => {
      const repository = (await open(test)).repository('releases/app');
      const manifest = indexBy('alice');
      await repository.manifests.put(manifest, { tags: ['v1'] });
      await repository.manifests.put(manifest, { tags: ['v1', 'v2'], createOnly: true });
      assert.equal(await tagOf(repository, 'v2'), manifest.descriptor.digest);
    });
  });

  describe(`the type of a manifest, ${where}`, () => {
    const text = indexText('anybody');
    const path = `/v2/releases/app/manifests/${digestText(text)}`;
    const put = (ask: Ask, target: string, type: string) =>
      ask('PUT', target, { body: text, headers: { 'content-type': type } });

    for (const [user, status, code] of [
      ['bob', 403, 'DENIED'],
      ['alice', 400, 'MANIFEST_INVALID'],
    ] as const) {
      it(`type-of-a-digest-changes: ${user} can not change it, by digest or by a new tag`, async (test) => {
        const asked = await users(await open(test));
        assert.equal((await put(asked.alice, path, ociIndex)).status, 201);
        for (const type of [dockerList, 'application/vnd.example+json']) {
          for (const target of [path, '/v2/releases/app/manifests/v9']) {
            const answer = await put(asked[user], target, type);
            assert.equal(answer.status, status, answer.text);
            assert.equal(JSON.parse(answer.text).errors[0].code, code);
          }
        }
        assert.equal((await asked.alice('GET', path)).header('content-type'), ociIndex);
        assert.equal((await asked.alice('GET', '/v2/releases/app/manifests/v9')).status, 404);
        assert.equal((await put(asked[user], path, ociIndex)).status, 201);
      });
    }

    it('type-of-a-digest-changes: of two concurrent puts with different types one succeeds', async (test) => {
      const { alice, bob } = await users(await open(test));
      const answers = await Promise.all([put(alice, path, ociIndex), put(bob, path, dockerList)]);
      const taken = answers.findIndex(({ status }) => status === 201);
      assert.deepEqual(
        answers.map(({ status }) => status).filter((status) => status === 201),
        [201],
      );
      const type = taken === 0 ? ociIndex : dockerList;
      assert.equal((await alice('GET', path)).header('content-type'), type);
    });

    it('type-of-a-digest-changes: a manifest that was deleted may come back as another', async (test) => {
      const { alice } = await users(await open(test));
      assert.equal((await put(alice, path, ociIndex)).status, 201);
      assert.equal((await alice('DELETE', path)).status, 202);
      assert.equal((await put(alice, path, dockerList)).status, 201);
      assert.equal((await alice('GET', path)).header('content-type'), dockerList);
    });
  });
}
