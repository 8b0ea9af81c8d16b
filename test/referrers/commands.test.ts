import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { createClient, type Repository } from '../../src/index.ts';
import { isReferrersTag } from '../../src/spec/referrers-tag.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { assertHolds, fill, type Graph } from './graph.ts';
import { noteOf, noteType } from './notes.ts';

const linesOf = async (...args: readonly string[]): Promise<readonly string[]> => {
  const { code, stdout, stderr } = await gantry(args);
  assert.equal(code, 0, stderr);
  return stdout.split('\n').slice(0, -1);
};
const jsonOf = async (...args: readonly string[]) =>
  JSON.parse((await linesOf('--json', ...args)).join('\n'));

describe('the commands that know of referrers', () => {
  let registry: TestRegistry;
  let place: Repository;
  let graph: Graph;
  let image: string;
  let subject: string;
  let name: (text: string) => string;
  before(async () => {
    registry = await startRegistry();
    place = registry.registry.repository('acme/app');
    graph = await fill(place);
    image = `${registry.host}/acme/app:v1`;
    subject = graph.root.descriptor.digest;
    name = (text) => `${registry.host}/${text}`;
  });
  after(() => registry.close());

  /** Returns the digests of the direct referrers, in the order of the registry's list. */
  const direct = (): readonly string[] =>
    (graph.referrers[0]?.[1] ?? []).map(({ descriptor }) => descriptor.digest).sort();

  it('the command lists one referrer in each line, the digest first', async () => {
    const lines = await linesOf('referrers', image);
    assert.deepEqual(
      lines.map((line) => line.split(' ')[0]),
      direct(),
    );
    assert.ok(lines.some((line) => line.includes(noteType)));
    assert.deepEqual(await linesOf('referrers', name(`acme/app@${subject}`)), lines);
    assert.deepEqual(await linesOf('referrers', name('acme/app@sha256:') + '0'.repeat(64)), []);
  });

  it('the command lists the referrers of one type or platform, and prints JSON', async () => {
    assert.equal((await linesOf('referrers', '--artifact-type', noteType, image)).length, 1);
    assert.deepEqual(await linesOf('referrers', '--artifact-type', 'application/other', image), []);
    const listed = await jsonOf('referrers', image);
    assert.deepEqual(listed, {
      image,
      referrers: await listOf(place.referrers(graph.root.descriptor.digest)),
    });
    const onChild = await jsonOf('referrers', '--platform', 'linux/amd64', image);
    assert.deepEqual(onChild.referrers, await listOf(place.referrers(graph.child)));
    assert.deepEqual(await jsonOf('referrers', '--platform', 'linux/arm64', image), { image, referrers: [] });
  });

  it('the command shows referrers as a tree', async () => {
    const [first, ...branches] = await linesOf('referrers', '--tree', image);
    assert.equal(first, subject);
    const [sbom] = graph.referrers[0]?.[1] ?? [];
    const [signature] = graph.referrers[2]?.[1] ?? [];
    const at = branches.findIndex((line) => line.includes(sbom?.descriptor.digest ?? '?'));
    assert.match(branches[at] ?? '', /^[├└]── sha256:/);
    assert.match(branches[at + 1] ?? '', new RegExp(`^(│|  ) +└── ${signature?.descriptor.digest}`));
    const tree = await jsonOf('referrers', '--tree', '--artifact-type', noteType, image);
    assert.equal(tree.subject, subject);
    assert.deepEqual(
      tree.referrers.map(
        ({ digest, referrers }: { digest: string; referrers: readonly { digest: string }[] }) => [
          digest,
          referrers.map((below) => below.digest),
        ],
      ),
      [[sbom?.descriptor.digest, [signature?.descriptor.digest]]],
    );
  });

  it('the command fails for a missing image', async () => {
    assert.equal((await gantry(['referrers', name('acme/app:none')])).code, 3);
    assert.equal((await gantry(['referrers', '--tree', name('acme/none')])).code, 3);
    assert.equal((await gantry(['referrers', '--platform', 'plan9/mips', image])).code, 3);
    assert.equal((await gantry(['referrers', 'no image'])).code, 2);
  });

  it('a copy brings referrers to a layout and back, and the only image there needs no name', async (test: TestContext) => {
    const layout = join(await folder(test), 'layout');
    await linesOf('copy', '--referrers', image, `oci:${layout}`);
    await linesOf('copy', '--referrers', `oci:${layout}`, name('acme/back:copied'));
    await assertHolds(registry.registry.repository('acme/back'), graph);
    await linesOf('copy', '--referrers', name(`acme/app@${subject}`), `oci:${layout}-2`);
    await linesOf('copy', `oci:${layout}-2`, name('acme/plain:copied'));
    const plain = registry.registry.repository('acme/plain');
    assert.equal((await plain.manifests.resolve('copied'))?.digest, subject);
    assert.deepEqual(await listOf(plain.referrers(graph.root.descriptor.digest)), []);
    assert.equal((await linesOf('referrers', `oci:${layout}-2`)).length, 2);
  });

  it('a copy of all tags brings referrers, and leaves out the tags of their lists', async () => {
    const list = noteOf('a list from elsewhere');
    await place.manifests.put(list, { tags: [`sha256-${'0'.repeat(64)}`, 'copied'] });
    await place.manifests.put(graph.root, { tags: ['copied'] });
    await linesOf('copy', '--all-tags', '--referrers', name('acme/app'), name('acme/all'));
    const all = registry.registry.repository('acme/all');
    await assertHolds(all, graph);
    assert.deepEqual((await listOf(all.tags.list())).filter(isReferrersTag), []);
  });

  it('the commands for referrers are the library’s own', async () => {
    await using client = createClient();
    const listed = await listOf(client.referrers(image, { artifactType: noteType }));
    assert.equal(listed.length, 1);
    const tree = await client.referrerTree(image);
    assert.deepEqual(tree.referrers.map(({ digest }) => digest).sort(), direct());
    await assert.rejects(listOf(client.referrers(name('acme/app:none'))), { code: 'MANIFEST_UNKNOWN' });
  });
});
