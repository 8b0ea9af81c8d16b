import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  attestationOf,
  configOf,
  file,
  imageOf,
  put,
  putIndex,
  type Stage,
  stage,
  tarOf,
} from '../edit/stage.ts';
import { folder } from '../folder.ts';
import { gantry } from './gantry.ts';

interface Scene extends Stage {
  readonly home: string;
  readonly app: string;
  readonly index: string;
  /** Runs gantry in the folder, and returns the lines of stdout. */
  readonly run: (...words: readonly string[]) => Promise<string>;
}

/** An image on a base, an index with an attestation, and a tar in a folder. */
async function scene(test: TestContext): Promise<Scene> {
  const at = await stage(test);
  const home = await folder(test);
  const base = await tarOf(file('base', 'old'));
  const layers = [base, await tarOf(file('own', 'own'))];
  const config = { config: { Cmd: ['run'], Env: ['A=1'] } };
  const image = imageOf({ layers, config });
  await put(at, 'app', image);
  await put(at, 'old', imageOf({ layers: [base] }));
  await put(at, 'new', imageOf({ layers: [await tarOf(file('base', 'new'))] }));
  const entry = { platform: { os: 'linux', architecture: 'amd64' } };
  await putIndex(at, 'index', [{ image, entry }, attestationOf(image)]);
  await writeFile(join(home, 'layer.tar'), await tarOf(file('more', 'more')));
  const run = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await gantry(words, { cwd: home });
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };
  return { ...at, home, app: `${at.host}/app:1`, index: `${at.host}/index:1`, run };
}

/** The command lines of every command that changes an image, without the options of the result. */
const changes = [
  { command: 'append', words: ['-f', 'layer.tar', '-b'], of: () => [] },
  { command: 'mutate', words: ['--author', 'Ada'], of: () => [] },
  { command: 'flatten', words: [], of: () => [] },
  { command: 'convert', words: ['--compression', 'none'], of: () => [] },
  {
    command: 'rebase',
    words: [],
    of: (host: string) => ['--old_base', `${host}/old:1`, '--new_base', `${host}/new:1`],
  },
] as const;

describe('the options of the results of append, mutate, flatten, convert and rebase', () => {
  for (const { command, words, of } of changes) {
    it(`${command} --dry-run prints the digest that ${command} writes, and writes nothing`, async (test) => {
      const { run, app, host, client } = await scene(test);
      const before = (await client.getDescriptor(app)).digest;
      const planned = await run(command, '--dry-run', ...of(host), ...words, app);
      assert.equal((await client.getDescriptor(app)).digest, before);
      const written = await run(command, ...of(host), ...words, app);
      assert.equal(written.split('@')[1], planned.split('@').at(-1));
      assert.notEqual((await client.getDescriptor(app)).digest, before);
    });

    it(`${command} --output writes an archive, and leaves the registry as it is`, async (test) => {
      const { run, app, host, home, client } = await scene(test);
      const before = (await client.getDescriptor(app)).digest;
      await run(command, '--output', 'out.tar', ...of(host), ...words, app);
      assert.deepEqual((await readdir(home)).sort(), ['layer.tar', 'out.tar']);
      assert.equal((await client.getDescriptor(app)).digest, before);
      await run('push', 'out.tar', `${host}/pushed:1`);
      await run('validate', '--remote', `${host}/pushed:1`);
    });

    it(`${command} --keep-attestations keeps the attestations of an index`, async (test) => {
      const { run, index, host, client } = await scene(test);
      await run(command, '--keep-attestations', ...of(host), ...words, index);
      const { body } = await client.getManifest(index);
      assert.equal(body.kind === 'index' && body.manifests.length, 2);
    });
  }

  const toPlaces = ['mutate', 'flatten', 'convert', 'rebase'];
  for (const { command, words, of } of changes.filter((change) => toPlaces.includes(change.command))) {
    it(`${command} --tag writes the result there, and ${command} --repo writes it by digest`, async (test) => {
      const { run, app, host, client } = await scene(test);
      const tagged = await run(command, '--tag', `${host}/other:2`, ...of(host), ...words, app);
      const { digest } = await client.getDescriptor(`${host}/other:2`);
      assert.equal(tagged, `${host}/other@${digest}`);
      const byDigest = await run(command, '--repo', `${host}/third`, ...of(host), ...words, app);
      assert.equal(byDigest, `${host}/third@${digest}`);
      assert.equal((await client.getDescriptor(byDigest)).digest, digest);
    });
  }
});

describe('the options of gantry mutate and append', () => {
  it('mutate sets every member that it has an option for', async (test) => {
    const at = await scene(test);
    await at.run(
      'mutate',
      '--cmd',
      'a,b',
      '--workdir',
      '/srv',
      '--volumes',
      '/data,/logs',
      '--stop-signal',
      'SIGQUIT',
      '--shell',
      '["sh","-c"]',
      '--author',
      'Ada',
      at.app,
    );
    const { author, config } = await configOf(at, at.app);
    assert.equal(author, 'Ada');
    assert.deepEqual(config, {
      Cmd: ['a', 'b'],
      Env: ['A=1'],
      WorkingDir: '/srv',
      Volumes: { '/data': {}, '/logs': {} },
      StopSignal: 'SIGQUIT',
      Shell: ['sh', '-c'],
    });
  });

  it('mutate --annotation sets annotations of the manifest, and removes one', async (test) => {
    const at = await scene(test);
    await at.run('mutate', '--annotation', 'a=1,b=2', at.app);
    await at.run('mutate', '--annotation', 'a-', at.app);
    const { body } = await at.client.getManifest(at.app);
    assert.deepEqual(body.kind === 'image' && body.annotations, { b: '2' });
  });

  it('mutate --keep-cmd keeps the command that --entrypoint removes', async (test) => {
    const at = await scene(test);
    await at.run('mutate', '--entrypoint', '["x"]', '--keep-cmd', at.app);
    const { config } = await configOf(at, at.app);
    assert.deepEqual(config, { Cmd: ['run'], Env: ['A=1'], Entrypoint: ['x'] });
  });

  it('mutate --index-annotation sets an annotation of the index', async (test) => {
    const { run, index, client } = await scene(test);
    await run('mutate', '--index-annotation', 'team=core', index);
    const { body } = await client.getManifest(index);
    assert.deepEqual(body.kind === 'index' && body.annotations, { team: 'core' });
  });

  it('append --comment writes the comment into the history', async (test) => {
    const at = await scene(test);
    await at.run('append', '--comment', 'a note', '-f', 'layer.tar', '-b', at.app);
    const { history }: Record<string, unknown> = await configOf(at, at.app);
    assert.ok(Array.isArray(history));
    assert.deepEqual(
      history.map(({ comment }) => comment),
      [undefined, undefined, 'a note'],
    );
  });
});
