import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { gantry } from './gantry.ts';
import { makeImage, store } from './images.ts';

it('copy adds to an archive, and copy --replace writes the archive anew with one image', async (test) => {
  await using registry = await startRegistry();
  const cwd = await folder(test);
  const first = await store(registry.registry, 'app', ['1'], await makeImage('one'));
  const second = await store(registry.registry, 'app', ['2'], await makeImage('two'));
  const copy = (tag: string, ...more: string[]) =>
    gantry(['copy', `${registry.host}/app:${tag}`, `oci-archive:app.tar:${tag}`, ...more], { cwd });
  const digestOf = async (tag: string): Promise<string> => {
    const out = ['copy', `oci-archive:app.tar:${tag}`, `${registry.host}/back:${tag}`, '--json'];
    const { code, stdout } = await gantry(out, { cwd });
    return code === 0 ? JSON.parse(stdout).digest : `exit code ${code}`;
  };
  assert.equal((await copy('1')).code, 0);
  assert.equal((await copy('2')).code, 0);
  assert.deepEqual([await digestOf('1'), await digestOf('2')], [first.digest, second.digest]);
  assert.equal((await copy('2', '--replace')).code, 0);
  assert.deepEqual([await digestOf('1'), await digestOf('2')], ['exit code 3', second.digest]);
});

it('copy refuses a file that is no archive and keeps its bytes, and copy --replace replaces the file', async (test) => {
  await using registry = await startRegistry();
  const cwd = await folder(test);
  await store(registry.registry, 'app', ['1'], await makeImage('one'));
  await writeFile(join(cwd, 'notes'), 'my notes');
  const words = ['copy', `${registry.host}/app:1`, 'docker-archive:notes'];
  const refused = await gantry(words, { cwd });
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /--replace/);
  assert.equal(await readFile(join(cwd, 'notes'), 'utf8'), 'my notes');
  assert.equal((await gantry([...words, '--replace'], { cwd })).code, 0);
  assert.equal((await gantry(['validate', '--tarball', 'notes'], { cwd })).code, 0);
});
