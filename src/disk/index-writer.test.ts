import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { giveImage } from '../testing/contract/sample.ts';
import { DurableFiles } from './durable.ts';
import { RepositoryFolder } from './folder.ts';
import { IndexWriter } from './index-writer.ts';
import { openDiskRegistry } from './registry.ts';

it('slow-end: an index.json without time at one close stays noted, and is written before the next one', async (test) => {
  const root = await mkdtemp(join(tmpdir(), 'gantry-stale-'));
  atEnd(test, () => rm(root, { recursive: true }));
  const names = Array.from({ length: 20 }, (_, n) => `r${n}`);
  {
    await using registry = await openDiskRegistry(root);
    await Promise.all(names.map((name) => giveImage(registry.repository(name), {}, 'v1')));
  }
  const repositories = join(root, 'repositories');
  const indexes = names.map((name) => join(new RepositoryFolder(repositories, name).layout, 'index.json'));
  const files = await DurableFiles.open(root);
  const hurried = await IndexWriter.open(files, repositories);
  for (const [n, name] of names.entries()) {
    await hurried.add(name);
    await writeFile(indexes[n] ?? '', 'behind');
    hurried.changed(name);
  }
  await hurried.close({ within: 0 });
  assert.equal((await readdir(join(root, 'stale'))).length, names.length);
  await (await IndexWriter.open(files, repositories)).close({ within: 3_600_000 });
  assert.deepEqual(await readdir(join(root, 'stale')), []);
  for (const index of indexes) assert.equal(JSON.parse(await readFile(index, 'utf8')).manifests.length, 1);
});
