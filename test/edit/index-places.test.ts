import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Ended, gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { attestationOf, file, findings, imageOf, put, putIndex, type Stage, stage, tarOf } from './stage.ts';

interface Scene extends Stage {
  readonly home: string;
  readonly run: (...words: readonly string[]) => Promise<Ended>;
  /** The number of entries that `index list` prints. */
  readonly count: (text: string) => Promise<number>;
}

/** An image and an index in a registry, and two archives in a folder. */
async function scene(test: TestContext): Promise<Scene> {
  const at = await stage(test);
  const home = await folder(test);
  const one = imageOf({ layers: [await tarOf(file('a', 'one'))] });
  const other = imageOf({ layers: [await tarOf(file('b', 'two'))], config: { architecture: 'arm64' } });
  await put(at, 'one', one);
  await put(at, 'other', other);
  const entries = [
    { image: one, entry: { platform: { os: 'linux', architecture: 'amd64' } } },
    { image: other, entry: { platform: { os: 'linux', architecture: 'arm64' } } },
    attestationOf(one),
  ];
  await putIndex(at, 'index', entries);
  const run = async (...words: readonly string[]): Promise<Ended> => {
    const ended = await gantry(words, { cwd: home });
    assert.equal(ended.code, 0, ended.stderr);
    return ended;
  };
  for (const name of ['one', 'other']) await run('pull', `${at.host}/${name}:1`, `${name}.tar`);
  const count = async (text: string): Promise<number> =>
    (await run('index', 'list', text)).stdout.split('\n').filter((line) => line.includes('sha256:')).length;
  return { ...at, home, run, count };
}

describe('gantry index on paths, as crane takes them', () => {
  it('Archives and images of a registry are appended to a layout that is made or extended.', async (test) => {
    const { run, count, home, host } = await scene(test);
    await run('index', 'append', './made', 'one.tar', 'other.tar');
    assert.equal(await count('./made'), 2);
    assert.match((await run('index', 'list', './made')).stdout, /linux\/arm64/);
    // A folder may have a name like a file.
    await run('index', 'append', join(home, 'folder.tar'), 'one.tar');
    await run('index', 'append', './folder.tar', 'other.tar');
    await run('index', 'append', './folder.tar', 'other.tar');
    assert.equal(await count('./folder.tar'), 2);
    await run('index', 'append', './mixed', 'one.tar', `${host}/index:1`);
    assert.equal(await count('./mixed'), 3);
    await run('index', 'append', './nested', '-m', 'one.tar', '-m', `${host}/index:1`, '--flatten=false');
    assert.equal(await count('./nested'), 2);
    for (const layout of ['made', 'folder.tar', 'mixed', 'nested'])
      await run('push', '--index', layout, `${host}/${layout.replace('.', '-')}:1`);
    for (const name of ['made', 'folder-tar', 'mixed', 'nested'])
      await run('validate', '--remote', `${host}/${name}:1`);
  });

  it('A file that holds an image is no index to append to.', async (test) => {
    const { home } = await scene(test);
    const before = await readFile(join(home, 'one.tar'));
    const { code, stderr } = await gantry(['index', 'append', 'one.tar', 'other.tar'], { cwd: home });
    assert.equal(code, 1);
    assert.match(stderr, /is an image and no index/);
    assert.deepEqual(await readFile(join(home, 'one.tar')), before);
  });

  it('Archives become an index in a registry.', async (test) => {
    const at = await scene(test);
    const { run, count, host } = at;
    await run('index', 'append', '-m', 'one.tar', '-t', `${host}/made:1`);
    assert.equal(await count(`${host}/made:1`), 1);
    await run('index', 'append', `${host}/made:1`, '-m', `${host}/index:1`, '-t', `${host}/made:1`);
    assert.equal(await count(`${host}/made:1`), 3);
    assert.deepEqual(await findings(at, `${host}/made:1`), []);
  });

  it('The list of a layout can be filtered, and the other members of index.json stay.', async (test) => {
    const { run, count, home, host } = await scene(test);
    await run('copy', `${host}/one:1`, 'oci:layout:named');
    await run('index', 'append', './layout', `${host}/index:1`, '-a', 'i=1');
    assert.equal(await count('./layout'), 3);
    await run('index', 'remove', './layout', '--platform', 'linux/arm64');
    assert.equal(await count('./layout'), 2);
    const { annotations, manifests } = JSON.parse(await readFile(join(home, 'layout', 'index.json'), 'utf8'));
    assert.deepEqual(annotations, { i: '1' });
    assert.equal(manifests[0].annotations['org.opencontainers.image.ref.name'], 'named');
    await run('validate', '--tarball', 'layout');
  });

  it('A layout that does not exist is only made by append, and one without a change is not written.', async (test) => {
    const { run, home } = await scene(test);
    for (const words of [
      ['remove', './none', '--platform', 'linux/amd64'],
      ['filter', './none', '--platform', 'linux'],
      ['list', './none'],
    ]) {
      const { code, stderr } = await gantry(['index', ...words], { cwd: home });
      assert.equal(code, 3, stderr);
      assert.match(stderr, /there is no folder/);
    }
    assert.equal(existsSync(join(home, 'none')), false);
    await run('index', 'append', './made', 'one.tar');
    const path = join(home, 'made', 'index.json');
    const compact = JSON.stringify(JSON.parse(await readFile(path, 'utf8')));
    await writeFile(path, compact);
    await run('index', 'append', './made', 'one.tar');
    assert.equal(await readFile(path, 'utf8'), compact);
  });

  it('--dry-run makes no layout, and --tag writes the result elsewhere.', async (test) => {
    const { run, count, home, host } = await scene(test);
    await run('index', 'append', './none', 'one.tar', '--dry-run');
    assert.equal(existsSync(join(home, 'none')), false);
    await run('index', 'append', './made', 'one.tar');
    await run('index', 'append', './made', 'other.tar', '--tag', `${host}/made:1`);
    assert.equal(await count('./made'), 1);
    assert.equal(await count(`${host}/made:1`), 2);
  });
});

describe('indexes at every place', () => {
  it('Images of layouts and archives become an index in an archive or a layout, and back.', async (test) => {
    const { run, count, home, host } = await scene(test);
    await run('copy', `${host}/one:1`, 'oci:layout:one');
    await run('index', 'create', 'oci:layout:one', 'docker-archive:other.tar', '-t', 'oci:layout:both');
    assert.equal(await count('oci:layout:both'), 2);
    const { stdout } = await run('index', 'create', 'oci:layout:both', '-o', 'both.tar', '--tag', 'app:1');
    assert.equal(stdout, '');
    assert.ok((await readdir(home)).includes('both.tar'));
    assert.equal(await count('oci-archive:both.tar'), 2);
    await run('index', 'filter', 'oci-archive:both.tar', '--platform', 'linux/arm64', '-t', `${host}/arm:1`);
    assert.equal(await count(`${host}/arm:1`), 1);
    await run('index', 'filter', 'oci:layout:both', '--platform', 'linux/amd64');
    assert.equal(await count('oci:layout:both'), 1);
    await run('index', 'remove', 'both.tar', '--platform', 'linux/amd64', '--output', 'less.tar');
    assert.equal(await count('less.tar'), 1);
    for (const option of ['filter', 'remove']) {
      const words = ['index', option, 'both.tar', '--platform', 'linux/amd64', '--repo', `${host}/rest`];
      const printed = (await run(...words)).stdout.trim();
      await run('validate', '--remote', printed);
    }
  });
});
