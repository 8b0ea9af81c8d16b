import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openLayout } from '../../src/layout/repository.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { blobOf, failsWith, give } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import {
  attestationOf,
  file,
  findings,
  imageOf,
  put,
  putIndex,
  type Stage,
  stage,
  tarOf,
} from '../edit/stage.ts';
import { folder } from '../folder.ts';

interface Scene extends Stage {
  /** A layout with an image, which has changed there. */
  readonly home: string;
}

async function scene(test: TestContext): Promise<Scene> {
  const [at, home] = [await stage(test), join(await folder(test), 'layout')];
  await put(at, 'app', imageOf({ layers: [await tarOf(file('a', 'one'))] }));
  await at.client.copy(`${at.host}/app:1`, `oci:${home}:1`);
  await at.client.edit(`oci:${home}:1`, (image) => image.withConfig({ author: 'Ada' }));
  return { ...at, home };
}

async function blobsIn(home: string): Promise<readonly string[]> {
  return (await readdir(join(home, 'blobs', 'sha256'))).map((name) => `sha256:${name}`).sort();
}

describe('gantry layout gc', () => {
  it('layout gc removes the content from before a change, and prints it; index.json stays, and a second run finds nothing.', async (test) => {
    const at = await scene(test);
    const before = await blobsIn(at.home);
    const index = await readFile(join(at.home, 'index.json'));
    const planned = await gantry(['layout', 'gc', '--dry-run', at.home]);
    assert.equal(planned.code, 0, planned.stderr);
    assert.deepEqual(await blobsIn(at.home), before);
    const { code, stdout, stderr } = await gantry(['layout', 'gc', at.home]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, planned.stdout);
    const removed = stdout.trim().split('\n');
    // The old manifest and config.
    assert.equal(removed.length, 2);
    assert.deepEqual(
      await blobsIn(at.home),
      before.filter((digest) => !removed.includes(digest)),
    );
    assert.deepEqual(await findings(at, `oci:${at.home}:1`), []);
    assert.deepEqual(await readFile(join(at.home, 'index.json')), index);
    const again = await gantry(['layout', 'gc', '--json', at.home]);
    assert.deepEqual(JSON.parse(again.stdout), { dryRun: false, bytes: 0, removed: [] });
  });

  it('Images of nested indexes, attestations, referrers and documents of unknown kinds keep all that they name.', async (test) => {
    const at = await scene(test);
    const image = imageOf({ layers: [await tarOf(file('b', 'two'))], config: { architecture: 'arm64' } });
    await putIndex(at, 'index', [
      { image, entry: { platform: { os: 'linux', architecture: 'arm64' } } },
      attestationOf(image),
    ]);
    await at.client.copy(`${at.host}/index:1`, `oci:${at.home}:2`);
    const [named, lost] = [blobOf('named'), blobOf('lost')];
    const other = blobOf(JSON.stringify({ schemaVersion: 2, things: [named.descriptor.digest] }));
    {
      await using layout = await openLayout(at.home, { mode: 'write' });
      await give(layout, named, other);
      const { bytes } = await layout.index();
      const json = JSON.parse(new TextDecoder().decode(bytes));
      json.manifests.push({ ...other.descriptor, mediaType: 'application/vnd.acme.thing+json' });
      await layout.commit();
      await writeFile(join(at.home, 'index.json'), JSON.stringify(json));
    }
    await writeFile(join(at.home, 'blobs', 'sha256', lost.descriptor.digest.slice(7)), lost.bytes);
    const { stdout, code, stderr } = await gantry(['layout', 'gc', at.home]);
    assert.equal(code, 0, stderr);
    assert.ok(stdout.includes(lost.descriptor.digest));
    const left = await blobsIn(at.home);
    for (const { descriptor } of [named, other, ...image.blobs]) assert.ok(left.includes(descriptor.digest));
    for (const name of ['1', '2']) assert.deepEqual(await findings(at, `oci:${at.home}:${name}`), []);
  });

  it('A damaged manifest keeps everything, and the command fails.', async (test) => {
    const at = await scene(test);
    const { digest } = await at.client.getDescriptor(`oci:${at.home}:1`);
    const before = await blobsIn(at.home);
    await writeFile(join(at.home, 'blobs', 'sha256', digest.slice(7)), '{}');
    const { code, stderr } = await gantry(['layout', 'gc', at.home]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`${digest} is damaged`));
    assert.deepEqual(await blobsIn(at.home), before);
  });

  it('A folder that is no layout is refused, and none is made; a reader only finds garbage.', async (test) => {
    const at = await scene(test);
    const none = join(at.home, 'none');
    const { code, stderr } = await gantry(['layout', 'gc', none]);
    assert.equal(code, 3);
    assert.match(stderr, /is no layout/);
    assert.equal(existsSync(none), false);
    await using layout = await openLayout(at.home, { mode: 'read' });
    await failsWith(layout.collectGarbage(), 'UNSUPPORTED');
    const found = await layout.collectGarbage({ dryRun: true });
    assert.equal(found.length, 2);
    assert.equal((await layout.roots())[0]?.mediaType, MediaType.ociManifest);
  });
});
