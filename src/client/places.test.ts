import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openArchive } from '../archive/read.ts';
import { CopyError, isGantryError } from '../errors.ts';
import { createIndex } from '../image/create-index.ts';
import { openLayout } from '../layout/repository.ts';
import { failsWith, listOf } from '../testing/contract/sample.ts';
import { makeImage, open } from './stage.test.support.ts';

async function makeIndex(text: string) {
  const entry = async (architecture: string) => ({
    image: await makeImage(`${text} ${architecture}`, architecture),
    platform: { os: 'linux', architecture },
  });
  return createIndex([await entry('amd64'), await entry('arm64')]);
}

const arm64 = { os: 'linux', architecture: 'arm64' };

describe('a place on disk', () => {
  for (const kind of ['oci', 'oci-archive', 'docker-archive']) {
    it(`a place ${kind}: stores an image under a name and returns it byte for byte`, async (test) => {
      const { client, host, folder } = await open(test);
      const { digest } = await client.pushImage(`${host}/app:1`, await makeImage('hello'));
      const place = `${kind}:${join(folder, 'place')}`;
      assert.equal((await client.copy(`${host}/app:1`, `${place}:named`)).digest, digest);
      for (const name of [place, `${place}:named`]) {
        assert.equal((await client.getDescriptor(name)).digest, digest);
        assert.deepEqual((await client.inspect(name)).labels, { text: 'hello' });
        assert.equal(await client.exists(name), true);
        assert.deepEqual(await listOf(client.validate(name)), [{ subject: name }]);
      }
      assert.equal(await client.exists(`${place}:other`), false);
      await failsWith(client.getManifest(`${place}:other`), 'MANIFEST_UNKNOWN');
      assert.equal((await client.copy(`${place}:named`, `${host}/back:1`)).digest, digest);
      assert.equal((await client.getDescriptor(`${host}/back:1`)).digest, digest);
      assert.deepEqual(await readdir(folder), ['place']);
    });
  }

  it('an image from a registry gets its own name on disk', async (test) => {
    const { client, host, folder } = await open(test);
    const { digest } = await client.pushImage(`${host}/acme/app:v1`, await makeImage('hello'));
    for (const [kind, name] of [
      ['oci', 'v1'],
      ['oci-archive', 'v1'],
      ['docker-archive', `${host}/acme/app:v1`],
    ]) {
      const place = `${kind}:${join(folder, kind ?? '')}`;
      await client.copy(`${host}/acme/app:v1`, place);
      assert.equal((await client.getDescriptor(`${place}:${name}`)).digest, digest);
    }
  });

  it('a layout holds several images by name, and a request without a name is refused', async (test) => {
    const { client, host, folder } = await open(test);
    const layout = `oci:${join(folder, 'layout')}`;
    const digests: string[] = [];
    for (const tag of ['one', 'two']) {
      await client.pushImage(`${host}/app:${tag}`, await makeImage(tag));
      digests.push((await client.copy(`${host}/app:${tag}`, `${layout}:${tag}`)).digest);
    }
    assert.equal((await client.getDescriptor(`${layout}:one`)).digest, digests[0]);
    await failsWith(client.getDescriptor(layout), 'MANIFEST_INVALID');
    await failsWith(client.push(join(folder, 'layout'), `${host}/all:1`), 'MANIFEST_INVALID');
    assert.equal(await client.exists(`${host}/all:1`), false);
    const root = await client.push(join(folder, 'layout'), `${host}/all:1`, { index: true });
    const told = await client.inspect(`${host}/all:1`);
    assert.equal(told.digest, root.digest);
    assert.deepEqual(
      told.manifests?.map(({ digest }) => digest),
      digests,
    );
    assert.deepEqual(await listOf(client.validate(`${host}/all:1`)), [{ subject: `${host}/all:1` }]);
  });

  it('the error for an empty or missing place names the place', async (test) => {
    const { client, host, folder } = await open(test);
    await mkdir(join(folder, 'empty'));
    await writeFile(join(folder, 'notes.txt'), 'these are notes');
    for (const place of [`oci:${join(folder, 'empty')}`, `oci-archive:${join(folder, 'notes.txt')}`]) {
      await failsWith(client.copy(place, `${host}/app:1`), 'MANIFEST_INVALID', 'NAME_UNKNOWN');
    }
    await failsWith(
      client.copy(`oci:${join(folder, 'none')}`, `${host}/app:1`),
      'NAME_UNKNOWN',
      'MANIFEST_INVALID',
    );
    assert.deepEqual(await listOf(client.catalog(host)), []);
  });

  it('the path of an archive with its prefix may have a colon', async (test) => {
    const { client, host, folder } = await open(test);
    const tarball = join(folder, 'a:b.tar');
    await client.pushImage(`${host}/app:1`, await makeImage('hello'));
    await client.pull([`${host}/app:1`], tarball);
    assert.deepEqual(await listOf(client.validate({ kind: 'docker-archive', path: tarball })), [
      { subject: tarball },
    ]);
    assert.ok(await client.push(tarball, `${host}/back:1`));
  });
});

describe('a pull', () => {
  it('a pull into a tarball takes one platform and writes the full names', async (test) => {
    const { client, host, folder } = await open(test);
    await client.pushIndex(`${host}/app:1`, await makeIndex('a'));
    await client.pushImage(`${host}/other:2`, await makeImage('b'));
    const path = join(folder, 'images.tar');
    const roots = await client.pull([`${host}/app:1`, `${host}/other:2`], path);
    await using archive = await openArchive(path);
    assert.deepEqual(await listOf(archive.tags.list()), [`${host}/app:1`, `${host}/other:2`]);
    const [app, other] = roots;
    assert.equal((await archive.manifests.resolve(`${host}/app:1`))?.digest, app?.digest);
    assert.equal((await archive.manifests.resolve(`${host}/other:2`))?.digest, other?.digest);
    assert.equal(
      app?.digest,
      (await client.getDescriptor(`${host}/app:1`, { platform: { ...arm64, architecture: 'amd64' } })).digest,
    );
    await client.pull([`${host}/app:1`], join(folder, 'arm.tar'), { platforms: [arm64] });
    assert.deepEqual((await client.inspect(`docker-archive:${join(folder, 'arm.tar')}`)).labels, {
      text: 'a arm64',
    });
    await client.pull([`${host}/app:1`], join(folder, 'old.tar'), { format: 'legacy' });
    assert.deepEqual((await client.inspect(`docker-archive:${join(folder, 'old.tar')}`)).labels, {
      text: 'a amd64',
    });
  });

  it('a pull into a layout takes all platforms, and the names only on request', async (test) => {
    const { client, host, folder } = await open(test);
    const { digest } = await client.pushIndex(`${host}/app:1`, await makeIndex('a'));
    for (const [annotateRef, names] of [
      [false, []],
      [true, [`${host}/app:1`]],
    ] as const) {
      const path = join(folder, String(annotateRef));
      await client.pull([`${host}/app:1`], path, { format: 'oci', annotateRef });
      await using layout = await openLayout(path, { mode: 'read' });
      assert.deepEqual(await listOf(layout.tags.list()), names);
      assert.deepEqual(
        (await layout.roots()).map((root) => root.digest),
        [digest],
      );
      assert.deepEqual(await listOf(client.validate(`oci:${path}`)), [{ subject: `oci:${path}` }]);
    }
  });

  it('a failed pull leaves the destination as before', async (test) => {
    const { client, host, folder } = await open(test);
    await client.pushImage(`${host}/app:1`, await makeImage('a'));
    for (const format of ['tarball', 'legacy', 'oci'] as const) {
      const path = join(folder, 'place');
      const pulled = client.pull([`${host}/app:1`, `${host}/app:none`], path, { format });
      await assert.rejects(
        pulled,
        (error) => error instanceof CopyError && isGantryError(error.cause, 'MANIFEST_UNKNOWN'),
      );
      assert.deepEqual(await readdir(folder), []);
    }
    await writeFile(join(folder, 'old'), 'what was there');
    await assert.rejects(client.pull([`${host}/app:none`], join(folder, 'old')));
    assert.equal(await readFile(join(folder, 'old'), 'utf8'), 'what was there');
  });

  it('a pull keeps its blobs in the cache and fetches none twice', async (test) => {
    const { client, host, folder, asked } = await open(test);
    await client.pushImage(`${host}/app:1`, await makeImage('a'));
    const cachePath = join(folder, 'cache');
    asked();
    await client.pull([`${host}/app:1`], join(folder, 'one.tar'), { cachePath });
    assert.deepEqual(asked(), ['GET manifests', 'GET blobs', 'GET blobs']);
    await client.pull([`${host}/app:1`], join(folder, 'two.tar'), { cachePath });
    assert.deepEqual(asked(), ['GET manifests']);
    assert.ok((await readFile(join(folder, 'one.tar'))).equals(await readFile(join(folder, 'two.tar'))));
  });
});

describe('a copy between names', () => {
  it('a copy takes only the chosen platforms', async (test) => {
    const { client, host } = await open(test);
    await client.pushIndex(`${host}/app:1`, await makeIndex('a'));
    await client.copy(`${host}/app:1`, `${host}/arm:1`, { platforms: [arm64] });
    assert.deepEqual((await client.inspect(`${host}/arm:1`)).labels, { text: 'a arm64' });
    const failed = client.copy(`${host}/app:1`, `${host}/none:1`, {
      platforms: [{ ...arm64, architecture: 's390x' }],
    });
    await assert.rejects(
      failed,
      (error) => error instanceof CopyError && isGantryError(error.cause, 'MANIFEST_UNKNOWN'),
    );
    assert.equal(await client.exists(`${host}/none:1`), false);
  });

  it('a copy within a registry mounts the blobs and reads none', async (test) => {
    const { client, host, asked } = await open(test);
    await client.pushImage(`${host}/app:1`, await makeImage('a'));
    asked();
    await client.copy(`${host}/app:1`, `${host}/copy:1`);
    assert.ok(!asked().includes('GET blobs'));
  });

  it('a copy by digest needs no tag and makes none', async (test) => {
    const { client, host } = await open(test);
    const { digest } = await client.pushImage(`${host}/app:1`, await makeImage('a'));
    await client.copy(`${host}/app@${digest}`, `${host}/copy@${digest}`);
    assert.equal(await client.exists(`${host}/copy@${digest}`), true);
    assert.deepEqual(await listOf(client.tags(`${host}/copy`)), []);
  });

  it('a copy to another digest than that of the source is refused before the first write', async (test) => {
    const { client, host } = await open(test);
    const { digest } = await client.pushIndex(`${host}/app:1`, await makeIndex('a'));
    const { digest: other } = await client.getDescriptor(`${host}/app:1`, { platform: arm64 });
    await assert.rejects(client.copy(`${host}/app:1`, `${host}/copy@${other}`), {
      code: 'DIGEST_INVALID',
      expected: other,
      actual: digest,
    });
    assert.deepEqual(await listOf(client.catalog(host)), ['app']);
    const root = await client.copy(`${host}/app:1`, `${host}/copy@${other}`, { platforms: [arm64] });
    assert.equal(root.digest, other);
  });

  it('a copy with noClobber does not move an existing tag', async (test) => {
    const { client, host, folder } = await open(test);
    await client.pushImage(`${host}/app:1`, await makeImage('a'));
    const { digest } = await client.pushImage(`${host}/copy:1`, await makeImage('b'));
    const options = { noClobber: true };
    await assert.rejects(client.copy(`${host}/app:1`, `${host}/copy:1`, options), {
      code: 'COPY_FAILED',
      side: 'destination',
      digest,
    });
    assert.equal((await client.getDescriptor(`${host}/copy:1`)).digest, digest);
    assert.ok(await client.copy(`${host}/app:1`, `${host}/copy:2`, options));
    const layout = `oci:${join(folder, 'layout')}:1`;
    await client.copy(`${host}/app:1`, layout, options);
    await failsWith(client.copy(`${host}/copy:1`, layout, options), 'COPY_FAILED');
  });
});

describe('validating', () => {
  it('validate names each problem', async (test) => {
    const { client, host, registry } = await open(test);
    const name = `${host}/app:1`;
    await client.pushIndex(name, await makeIndex('a'));
    assert.deepEqual(await listOf(client.validate(name)), [{ subject: name }]);
    const { layers = [] } = await client.inspect(name, { platform: arm64 });
    assert.ok(layers[0]);
    await registry.registry.repository('app').blobs.delete(layers[0].digest);
    for (const fast of [true, false]) {
      const [finding, ...rest] = await listOf(client.validate(name, { fast }));
      assert.equal(finding?.subject, name);
      assert.ok(finding?.problem?.includes(layers[0].digest));
      assert.deepEqual(rest, []);
    }
    const platforms = [{ os: 'linux', architecture: 'amd64' }];
    assert.deepEqual(await listOf(client.validate(name, { platforms })), [{ subject: name }]);
  });
});
