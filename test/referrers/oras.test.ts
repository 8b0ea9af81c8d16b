import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningRegistry, startDistribution } from '../../bench/support/distribution.ts';
import { output } from '../../bench/support/programs.ts';
import { createClient } from '../../src/index.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { fill, type Graph } from './graph.ts';

/** distribution 2.8 has no referrers API. Other tools can read and extend the list that gantry keeps under the tag. */
describe('gantry and oras at a registry without the API', needs('oras', 'docker-registry'), () => {
  const client = createClient();
  let origin: TestRegistry;
  let graph: Graph;
  let registry: RunningRegistry;
  let repository: string;
  let subject: string;
  before(async () => {
    registry = await startDistribution();
    origin = await startRegistry();
    graph = await fill(origin.registry.repository('acme/app'));
    repository = `${registry.host}/acme/app`;
    subject = `${repository}@${graph.root.descriptor.digest}`;
  });
  after(async () => {
    await client[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await origin.close();
  });

  const found = async (): Promise<readonly string[]> =>
    (await listOf(client.referrers(subject))).map(({ digest }) => digest).sort();

  const discovered = async (): Promise<readonly string[]> => {
    const listed = await output('oras', ['discover', '--plain-http', '--depth=1', '--format=json', subject]);
    const { referrers }: { readonly referrers: readonly { readonly digest: string }[] } = JSON.parse(listed);
    return referrers.map(({ digest }) => digest).sort();
  };

  it('see the same referrers, whoever put them there', async (test) => {
    await client.copy(`${origin.host}/acme/app:v1`, `${repository}:copied`, { referrers: true });
    const ours = (graph.referrers[0]?.[1] ?? []).map(({ descriptor }) => descriptor.digest).sort();
    assert.deepEqual(await discovered(), ours);
    const note = join(await folder(test), 'note.txt');
    await writeFile(note, 'well done');
    await output('oras', [
      'attach',
      '--plain-http',
      '--disable-path-validation',
      '--artifact-type=application/vnd.example.oras',
      subject,
      `${note}:text/plain`,
    ]);
    assert.equal((await found()).length, ours.length + 1);
    assert.deepEqual(await found(), await discovered());
    // gantry copies the notes of oras and its own alike.
    await client.copy(`${origin.host}/acme/app:v1`, `${repository}:copied`, { referrers: true });
    assert.deepEqual(await found(), await discovered());
  });

  it('see no more what gantry deleted', async () => {
    const [first, ...others] = await discovered();
    await client.delete(`${repository}@${first}`);
    assert.deepEqual(await discovered(), others);
    assert.deepEqual(await found(), others);
  });

  it('see what gantry copied on from there to a registry with the API', async () => {
    const host = `${origin.host}/acme/back`;
    await client.copy(`${origin.host}/acme/app:v1`, `${repository}:copied`, { referrers: true });
    await client.copy(`${repository}:copied`, `${host}:copied`, { referrers: true });
    const back = origin.registry.repository('acme/back');
    const listed = await listOf(back.referrers(graph.root.descriptor.digest));
    assert.deepEqual(listed.map(({ digest }) => digest).sort(), await found());
    assert.ok(!(await listOf(back.tags.list())).some((tag) => /^sha256-[0-9a-f]{64}$/.test(tag)));
  });
});
