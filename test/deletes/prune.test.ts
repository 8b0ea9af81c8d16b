import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Client, createClient, createIndex, type PruneOptions } from '../../src/index.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { needs } from '../peer.ts';
import { registries } from '../peers/registries.ts';
import { daysAgo, imageMade, outcomes, pushMade } from './images.ts';

const day = 86_400_000;

/** Each test fills a repository, prunes it, and lists the rest. */
interface Scene {
  readonly name: string;
  readonly made: Readonly<Record<string, number | undefined>>;
  readonly options: PruneOptions;
  readonly outcomes: readonly string[];
  readonly left: readonly string[];
}

const scenes: readonly Scene[] = [
  {
    name: 'by their names',
    made: { 'pr-1': 1, 'pr-2': 1.5, main: 2 },
    options: { match: 'pr-*' },
    outcomes: ['deleted pr-1', 'deleted pr-2'],
    left: ['main'],
  },
  {
    name: 'by one of several patterns',
    made: { a1: 1, b1: 2, c1: 3 },
    options: { match: ['a?', 'b*'] },
    outcomes: ['deleted a1', 'deleted b1'],
    left: ['c1'],
  },
  {
    name: 'by their age, and keeps and lists one without a time',
    made: { old: 40, new: 2, timeless: undefined },
    options: { olderThan: 30 * day },
    outcomes: ['deleted old', 'kept timeless'],
    left: ['new', 'timeless'],
  },
  {
    name: 'all but the newest',
    made: { a: 4, b: 1, c: 3, d: 2 },
    options: { keep: 2 },
    outcomes: ['deleted a', 'deleted c'],
    left: ['b', 'd'],
  },
  {
    name: 'that match and are old, but not the newest of the matching ones',
    made: { 'pr-1': 50, 'pr-2': 40, 'pr-3': 1, main: 60 },
    options: { match: 'pr-*', olderThan: 30 * day, keep: 2 },
    outcomes: ['deleted pr-1'],
    left: ['main', 'pr-2', 'pr-3'],
  },
  {
    name: 'without exception for keep 0, if they have a time',
    made: { a: 1, b: 2 },
    options: { keep: 0 },
    outcomes: ['deleted a', 'deleted b'],
    left: [],
  },
];

async function tagsOf(client: Client, repository: string): Promise<readonly string[]> {
  try {
    return (await listOf(client.tags(repository))).sort();
  } catch {
    // For a repository without tags some registries say that it does not exist.
    return [];
  }
}

for (const registryKind of registries) {
  const kind = registryKind.name;
  describe(`prune at ${kind}`, needs(...registryKind.needs), () => {
    for (const scene of scenes) {
      it(`delete-in-bulk: prune deletes tags ${scene.name}`, async () => {
        await using registry = await registryKind.start();
        await using client = createClient();
        const repository = `${registry.host}/acme/app`;
        await pushMade(client, repository, scene.made);
        const before = Object.keys(scene.made).sort();
        const wanted = scene.outcomes.map((outcome) => outcome.replace('deleted', 'planned'));
        const dry = await listOf(client.prune(repository, { ...scene.options, dryRun: true }));
        assert.deepEqual(outcomes(dry), wanted);
        assert.deepEqual(await tagsOf(client, repository), before);
        assert.deepEqual(outcomes(await listOf(client.prune(repository, scene.options))), scene.outcomes);
        assert.deepEqual(await tagsOf(client, repository), scene.left);
        for (const tag of scene.left) assert.ok(await client.exists(`${repository}:${tag}`));
      });
    }

    it('delete-in-bulk: prune keeps an image that a kept tag or a kept index needs', async () => {
      await using registry = await registryKind.start();
      await using client = createClient();
      const repository = `${registry.host}/acme/app`;
      const [shared, child] = [imageMade('shared', daysAgo(40)), imageMade('child', daysAgo(40))];
      await client.pushImage(`${repository}:stable`, shared);
      await client.tag(`${repository}:stable`, ['pr-1', 'pr-2']);
      await client.pushImage(`${repository}:pr-child`, child);
      await client.pushIndex(`${repository}:multi`, createIndex([{ image: child }]));
      await client.pushImage(`${repository}:pr-own`, imageMade('own', daysAgo(40)));
      const found = await listOf(client.prune(repository, { match: 'pr-*', olderThan: 30 * day }));
      const canDeleteTags = kind !== 'docker-registry';
      const alone = canDeleteTags ? 'deleted' : 'kept';
      assert.deepEqual(outcomes(found), [
        `${alone} pr-1`,
        `${alone} pr-2`,
        `${alone} pr-child`,
        'deleted pr-own',
      ]);
      for (const { reference, reason, outcome } of found) {
        if (reference.endsWith('pr-own')) continue;
        assert.match(reason, /tag (?:stable|multi), which stays/);
        if (outcome === 'kept') assert.match(reason, /can't delete a tag alone/);
      }
      assert.deepEqual(
        await tagsOf(client, repository),
        canDeleteTags ? ['multi', 'stable'] : ['multi', 'pr-1', 'pr-2', 'pr-child', 'stable'],
      );
      await listOf(client.validate(`${repository}:multi`));
      assert.ok(await client.exists(`${repository}:stable`));
      assert.ok(await client.exists(`${repository}@${(await child.manifest()).descriptor.digest}`));
    });

    it('delete-in-bulk: prune of a missing repository is NAME_UNKNOWN', async () => {
      await using registry = await registryKind.start();
      await using client = createClient();
      await assert.rejects(listOf(client.prune(`${registry.host}/acme/none`, { keep: 1 })), {
        code: 'NAME_UNKNOWN',
      });
    });

    it('delete-in-bulk: deleteEach deletes all of its references, even if one fails', async () => {
      await using registry = await registryKind.start();
      await using client = createClient();
      const repository = `${registry.host}/acme/app`;
      await pushMade(client, repository, { a: 1, b: 2 });
      const [a, b] = [
        await client.getDescriptor(`${repository}:a`),
        await client.getDescriptor(`${repository}:b`),
      ];
      const names = [`${repository}@${a.digest}`, `${repository}:none`, `${repository}@${b.digest}`];
      const dry = await listOf(client.deleteEach(names, { dryRun: true }));
      assert.deepEqual(
        dry.map(({ outcome }) => outcome),
        ['planned', 'failed', 'planned'],
      );
      assert.match(dry[0]?.reason ?? '', /every tag on it: a$/);
      const done = await listOf(client.deleteEach(names));
      assert.deepEqual(
        done.map(({ outcome }) => outcome),
        ['deleted', 'failed', 'deleted'],
      );
      assert.equal(done[1]?.error?.code, 'MANIFEST_UNKNOWN');
      assert.deepEqual(await tagsOf(client, repository), []);
    });
  });
}
