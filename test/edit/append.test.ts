import assert from 'node:assert/strict';
import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { layerOfFolder } from '../../src/client/layers/layer-of-folder.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { readTar } from '../../src/tar/read.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { finished, gantry, startGantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { zstdStored } from '../zstd.ts';
import {
  attestationOf,
  configOf,
  file,
  findings,
  imageOf,
  put,
  putIndex,
  type Stage,
  stage,
  tarOf,
} from './stage.ts';

interface AppendStage extends Stage {
  readonly directory: string;
  /** Writes a file into the directory and returns its path. */
  save(name: string, bytes: Uint8Array): Promise<string>;
}

async function opened(test: TestContext, family: 'oci' | 'docker' = 'oci'): Promise<AppendStage> {
  const at = await stage(test);
  const directory = await folder(test);
  const layers = [await tarOf(file('a', 'one'))];
  await put(at, 'app', imageOf({ family, layers, manifest: { annotations: { k: 'v' } } }));
  return {
    ...at,
    directory,
    async save(name, bytes) {
      const path = join(directory, name);
      await writeFile(path, bytes);
      return path;
    },
  };
}

async function windowsOpened(test: TestContext): Promise<AppendStage> {
  const at = await opened(test);
  const layers = [await tarOf(file('Files/a', 'one'))];
  await put(at, 'app', imageOf({ layers, config: { os: 'windows' } }));
  return at;
}

async function imageAt({ client, host }: Stage, name = 'app:2') {
  const { body } = await client.getManifest(`${host}/${name}`);
  assert.ok(body.kind === 'image');
  return body;
}

async function refused(at: Stage, ...sources: readonly string[]): Promise<string> {
  const files = sources.flatMap((source) => ['-f', source]);
  const ended = await gantry(['append', '-b', `${at.host}/app:1`, ...files, '-t', `${at.host}/app:2`]);
  assert.equal(ended.code, 1, ended.stderr);
  assert.equal(
    at.registry.requests.some(({ method }) => method !== 'GET' && method !== 'HEAD'),
    false,
  );
  const [line = '', ...others] = ended.stderr.trimEnd().split('\n');
  assert.deepEqual(others, []);
  return line;
}

function entry(architecture: string) {
  return { platform: { os: 'linux', architecture } };
}

describe('adding layers to an image', () => {
  // id: T1
  it('A plain tar becomes a layer with its diffID and an entry in the history, and the annotations stay.', async (test) => {
    const at = await opened(test);
    const tar = await tarOf(file('b', 'two'));
    await at.client.append([await at.save('b.tar', tar)], {
      base: `${at.host}/app:1`,
      to: `${at.host}/app:2`,
    });
    const { mediaType, config, layers, annotations } = await imageAt(at);
    assert.match(`${mediaType} ${config.mediaType}`, /oci.*oci/);
    assert.deepEqual(
      layers.map((layer) => layer.mediaType),
      Array(2).fill('application/vnd.oci.image.layer.v1.tar+gzip'),
    );
    assert.deepEqual(annotations, { k: 'v' });
    const { rootfs, history } = await configOf(at, `${at.host}/app:2`);
    assert.equal(rootfs?.['diff_ids']?.[1], digestOf(tar));
    assert.equal(Object(history).length, 2);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });

  // id: T2
  it('A compressed file is stored as it is.', async (test) => {
    const at = await opened(test);
    const tar = await tarOf(file('b', 'two'));
    const packed = gzipSync(tar, { level: 1 });
    await at.client.append([await at.save('b.tgz', packed)], {
      base: `${at.host}/app:1`,
      to: `${at.host}/app:2`,
    });
    assert.equal((await imageAt(at)).layers[1]?.digest, digestOf(packed));
    assert.equal((await configOf(at, `${at.host}/app:2`))['rootfs']?.['diff_ids']?.[1], digestOf(tar));
  });

  // id: T3
  it('A compressed tar on the standard input is stored as it is.', async (test) => {
    const at = await opened(test);
    const tar = await tarOf(file('b', 'two'));
    const packed = gzipSync(tar, { level: 1 });
    const run = startGantry(['append', '-b', `${at.host}/app:1`, '-f', '-', '-t', `${at.host}/app:2`]);
    run.stdin?.end(packed);
    const ended = await finished(run);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal((await imageAt(at)).layers[1]?.digest, digestOf(packed));
    assert.equal((await configOf(at, `${at.host}/app:2`))['rootfs']?.['diff_ids']?.[1], digestOf(tar));
  });

  // id: T4
  it('A tar with zstd keeps its compression in an OCI image.', async (test) => {
    const at = await opened(test);
    const packed = zstdStored(await tarOf(file('b', 'two')));
    await at.client.append([await at.save('b.zst', packed)], {
      base: `${at.host}/app:1`,
      to: `${at.host}/app:2`,
    });
    assert.match((await imageAt(at)).layers[1]?.mediaType ?? '', /\+zstd$/);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });

  // id: T5
  it('A docker image refuses a layer with zstd, and takes docker types for others.', async (test) => {
    const at = await opened(test, 'docker');
    const packed = zstdStored(await tarOf(file('b', 'two')));
    await refused(at, await at.save('b.zst', packed));
    const plain = await at.save('b.tar', await tarOf(file('b', 'two')));
    await at.client.append([plain], { base: `${at.host}/app:1`, to: `${at.host}/app:2` });
    const { layers } = await imageAt(at);
    assert.deepEqual(
      layers.map(({ mediaType }) => mediaType),
      Array(2).fill(layers[0]?.mediaType),
    );
  });

  // id: T6
  it('A file that is no tar ends the command before anything is sent, and an empty archive is a tar.', async (test) => {
    const at = await opened(test);
    const tar = await tarOf(file('b', 'two'));
    const xz = Uint8Array.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, ...new Uint8Array(600).fill(7)]);
    for (const [name, bytes] of [
      ['text', new TextEncoder().encode('this is no tar\n'.repeat(80))],
      ['short', new TextEncoder().encode('short')],
      ['xz', xz],
      ['empty', new Uint8Array(0)],
      ['cut', tar.subarray(0, 514)],
      ['cut.gz', gzipSync(tar).subarray(0, 60)],
      ['text.gz', gzipSync(new TextEncoder().encode('text\n'.repeat(500)))],
    ] as const) {
      assert.ok((await refused(at, await at.save(name, bytes))).includes(name), name);
    }
    const empty = await at.save('empty.tar', new Uint8Array(1024));
    await at.client.append([empty], { base: `${at.host}/app:1`, to: `${at.host}/app:2` });
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });

  // id: T7
  it('A folder becomes a layer in byte order, with symbolic and hard links, and the same digest twice.', async (test) => {
    const directory = await folder(test);
    await mkdir(join(directory, 'sub'));
    await writeFile(join(directory, 'sub', 'z'), 'zzz');
    await writeFile(join(directory, 'Upper'), 'u');
    await writeFile(join(directory, 'a'), 'aaa');
    await link(join(directory, 'a'), join(directory, 'b'));
    await symlink('/etc/../passwd', join(directory, 'ln'));
    await writeFile(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0x66, 0xff])]), 'f');
    await using layer = await layerOfFolder(directory, { to: '/opt/app' });
    const seen: string[] = [];
    for await (const { name, type, linkname, mtime, uid } of readTar(layer.uncompressed().open())) {
      seen.push([name, type, ...(linkname === undefined ? [] : [linkname])].join(' '));
      assert.deepEqual([mtime, uid], [0, 0]);
    }
    assert.deepEqual(seen, [
      'opt/ directory',
      'opt/app/ directory',
      'opt/app/Upper file',
      'opt/app/a file',
      'opt/app/b link opt/app/a',
      'opt/app/f\udcff file',
      'opt/app/ln symlink /etc/../passwd',
      'opt/app/sub/ directory',
      'opt/app/sub/z file',
    ]);
    await using again = await layerOfFolder(directory, { to: 'opt/app/' });
    assert.deepEqual(await again.descriptor(), await layer.descriptor());
  });

  // id: T8
  it('The same file twice gives two layers and two entries in the history.', async (test) => {
    const at = await opened(test);
    const path = await at.save('b.tar', await tarOf(file('b', 'two')));
    await at.client.append([path, path], { base: `${at.host}/app:1`, to: `${at.host}/app:2` });
    const { rootfs, history } = await configOf(at, `${at.host}/app:2`);
    const { layers } = await imageAt(at);
    assert.deepEqual([layers.length, Object(rootfs?.['diff_ids']).length, Object(history).length], [3, 3, 3]);
  });

  // id: T9
  it('Without a base the image is OCI, for the given platform, and without a time of creation.', async (test) => {
    const at = await opened(test);
    const path = await at.save('b.tar', await tarOf(file('b', 'two')));
    const words = ['append', '--platform', 'linux/arm64', '-f', path, '-t', `${at.host}/app:2`];
    const ended = await gantry(words);
    assert.equal(ended.code, 0, ended.stderr);
    const { os, architecture, created } = await configOf(at, `${at.host}/app:2`);
    assert.deepEqual([os, architecture, created], ['linux', 'arm64', undefined]);
    const { layers, mediaType } = await imageAt(at);
    assert.equal(layers.length, 1);
    assert.match(mediaType ?? '', /oci/);
    assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  });

  // id: T10
  it('Annotations name the base: the digest of the image on images, and of the index on the index.', async (test) => {
    const at = await opened(test);
    const one = imageOf({ layers: [await tarOf(file('a', 'one'))] });
    const index = await putIndex(at, 'base', [
      { image: one, entry: { platform: { os: 'linux', architecture: 'amd64' } } },
    ]);
    const path = await at.save('b.tar', await tarOf(file('b', 'two')));
    const flags = ['--set-base-image-annotations', '-b', `${at.host}/base:1`];
    const ended = await gantry(['append', ...flags, '-f', path, '-t', `${at.host}/new:1`]);
    assert.equal(ended.code, 0, ended.stderr);
    const { body } = await at.client.getManifest(`${at.host}/new:1`);
    const name = { 'org.opencontainers.image.base.name': `${at.host}/base:1` };
    const digest = 'org.opencontainers.image.base.digest';
    assert.ok(body.kind === 'index');
    assert.deepEqual(body.annotations, { ...name, [digest]: index.descriptor.digest });
    const { annotations } = await imageAt(at, `new@${body.manifests[0]?.digest}`);
    assert.deepEqual(annotations, { ...name, [digest]: one.manifest.descriptor.digest });
  });

  // id: T11
  it('A layer for Windows has its files below Files, with a security descriptor each, in the family of the base.', async (test) => {
    const at = await windowsOpened(test);
    const tar = await tarOf({ name: 'd', type: 'directory' }, file('d/b', 'two'), {
      name: 'd/c',
      type: 'link',
      linkname: 'd/b',
    });
    const path = await at.save('b.tar', tar);
    const [base, to] = [`${at.host}/app:1`, `${at.host}/app:2`];
    const child = startGantry(['append', '-b', base, '-f', '-', '-f', path, '-t', to]);
    child.stdin?.end(tar);
    assert.equal((await finished(child)).code, 0);
    const { layers } = await imageAt(at);
    assert.deepEqual(
      layers.map(({ mediaType }) => mediaType),
      Array.from({ length: 3 }, () => 'application/vnd.oci.image.layer.v1.tar+gzip'),
    );
    assert.equal(layers[1]?.digest, layers[2]?.digest);
    const image = await at.client.getImage(to);
    const [, added] = await image.layers();
    assert(added !== undefined);
    const entries: unknown[] = [];
    for await (const { name, linkname, windows, mode } of readTar(added.uncompressed().open()))
      entries.push([name, linkname, mode, windows?.get('MSWINDOWS.rawsd')]);
    const users = 'AQAAgBQAAAAkAAAAAAAAAAAAAAABAgAAAAAABSAAAAAhAgAAAQIAAAAAAAUgAAAAIQIAAA==';
    assert.deepEqual(entries, [
      ['Files/', undefined, 0o555, users],
      ['Hives/', undefined, 0o555, users],
      ['Files/d/', undefined, 0o755, users],
      ['Files/d/b', undefined, 0o644, users],
      ['Files/d/c', 'Files/d/b', 0o644, users],
    ]);
    assert.deepEqual(await findings(at, to), []);
  });

  it('A layer that has the form for Windows already stays as it is.', async (test) => {
    const at = await windowsOpened(test);
    const made = gzipSync(await tarOf({ name: 'Files', type: 'directory' }, file('Files/b', 'two')));
    await at.client.append([await at.save('b.tgz', made)], {
      base: `${at.host}/app:1`,
      to: `${at.host}/app:2`,
    });
    assert.equal((await imageAt(at)).layers[1]?.digest, digestOf(made));
  });

  it('A layer for Windows with plain paths and paths below Files is refused.', async (test) => {
    const at = await windowsOpened(test);
    const mixed = await at.save('mixed.tar', await tarOf(file('a', 'one'), file('Files/b', 'two')));
    assert.match(await refused(at, mixed), /"Files\/b"/);
  });

  // id: T12
  it('Every image of an index gets the layer, which is sent once, and an attestation is dropped with a warning.', async (test) => {
    const at = await opened(test);
    const layers = [await tarOf(file('a', 'one'))];
    const amd64 = imageOf({ layers });
    const arm64 = imageOf({ layers, config: { architecture: 'arm64' } });
    await putIndex(at, 'index', [
      { image: amd64, entry: entry('amd64') },
      { image: arm64, entry: entry('arm64') },
      attestationOf(amd64),
    ]);
    const path = await at.save('b.tar', await tarOf(file('b', 'two')));
    const sent = at.registry.requests.length;
    const ended = await gantry(['append', '-b', `${at.host}/index:1`, '-f', path]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(ended.stderr, /dropped the attestation sha256:/);
    const { body } = await at.client.getManifest(`${at.host}/index:1`);
    assert.ok(body.kind === 'index');
    assert.equal(body.manifests.length, 2);
    const commits = at.registry.requests
      .slice(sent)
      .filter(({ operation }) => operation?.kind === 'upload.commit');
    assert.equal(commits.length, 3);
    assert.deepEqual(await findings(at, `${at.host}/index:1`), []);
  });

  it('mutate --append adds the layer before its other changes.', async (test) => {
    const at = await opened(test);
    const path = await at.save('b.tar', await tarOf(file('b', 'two')));
    const ended = await gantry(['mutate', '--append', path, '-u', '5', `${at.host}/app:1`]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal((await imageAt(at, 'app:1')).layers.length, 2);
    assert.equal((await configOf(at, `${at.host}/app:1`))['config']?.['User'], '5');
  });

  it('An image whose config, manifest or history contradict each other gets no layer.', async (test) => {
    const at = await opened(test);
    const layer = await tarOf(file('a', 'one'));
    const path = await at.save('b.tar', await tarOf(file('b', 'two')));
    await put(at, 'odd', imageOf({ layers: [layer], config: { history: [{ empty_layer: true }] } }));
    await failsWith(at.client.append([path], { base: `${at.host}/odd:1` }), 'MANIFEST_INVALID');
    await put(at, 'few', imageOf({ layers: [layer], manifest: { layers: [] } }));
    await failsWith(at.client.append([path], { base: `${at.host}/few:1` }), 'MANIFEST_INVALID');
  });

  it('Wrong options of append are refused before any request.', async (test) => {
    const at = await opened(test);
    const asked = at.registry.requests.length;
    const path = await at.save('b.tar', await tarOf(file('b', 'two')));
    for (const words of [
      ['-t', `${at.host}/new:1`],
      ['-f', path],
      ['-f', path, '-b', `${at.host}/app:1`, '--oci-empty-base'],
      ['-f', path, '-t', `${at.host}/new:1`, '--set-base-image-annotations'],
      ['-f', path, '-t', `${at.host}/new:1`, '--compression', 'xz'],
    ]) {
      assert.equal((await gantry(['append', ...words])).code, 2, words.join(' '));
    }
    assert.equal(at.registry.requests.length, asked);
  });
});
