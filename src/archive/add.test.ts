import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { needs } from '../../test/peer.ts';
import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { blobsOf } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import {
  classicFiles,
  craneFiles,
  docker25Files,
  folder,
  indexOf,
  layoutFiles,
  type SampleImage,
  sampleImage,
  save,
  saveTar,
  tarOf,
  v1Files,
} from './archives.test.samples.ts';
import { openArchive } from './read.ts';
import { type CreateArchiveOptions, createArchive } from './write.ts';

const image = await sampleImage('hello');
const other = await sampleImage('other', 'arm64');
const third = await sampleImage('third');

async function put(to: Repository, sample: SampleImage, ...tags: readonly string[]): Promise<void> {
  for (const [digest, bytes] of sample.blobs) {
    const blob = { mediaType: MediaType.octetStream, digest, size: bytes.byteLength };
    await to.blobs.write(blob, bytesContent(bytes));
  }
  await to.manifests.put(sample.manifest, { tags });
}

/** Adds an image as one command does. */
async function add(
  path: string,
  sample: SampleImage,
  tags: readonly string[],
  options: Partial<CreateArchiveOptions> = {},
): Promise<void> {
  await using archive = await createArchive(path, { format: 'docker', existing: 'add', ...options });
  await put(archive, sample, ...tags);
  await archive.commit();
}

function alone(path: string): void {
  assert.deepEqual(readdirSync(dirname(path)), [basename(path)]);
}

/** Returns the digest of the config for each name. Reads all blobs. */
async function configsIn(path: string): Promise<Readonly<Record<string, string>>> {
  await using archive = await openArchive(path);
  const configs: Record<string, string> = {};
  for await (const name of archive.tags.list()) {
    const { body } = await archive.manifests.get(name);
    for (const blob of blobsOf(body))
      for await (const chunk of archive.blobs.open(blob).open()) assert.ok(chunk);
    configs[name] = body.kind === 'image' ? body.config.digest : body.kind;
  }
  return configs;
}

function namesIn(path: string): readonly string[] {
  return execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n');
}

const forms: readonly (readonly [string, () => Promise<Uint8Array> | Uint8Array])[] = [
  ['an OCI archive', () => tarOf(layoutFiles([{ ...image, fullName: 'docker.io/acme/app:1' }], [image]))],
  ['what Docker 25 saved', () => tarOf(docker25Files(image, ['acme/app:1']))],
  ['what Docker saved before', () => tarOf(classicFiles(image, ['acme/app:1']))],
  ['what crane saved', () => tarOf(craneFiles(image))],
  ['what Docker saved before 1.10', () => tarOf(v1Files(image))],
  ['a gzipped archive', async () => gzipSync(await tarOf(docker25Files(image, ['acme/app:1'])))],
];

describe('second-copy-into-an-archive: adding an image', () => {
  for (const format of ['docker', 'oci'] as const) {
    for (const [sentence, bytes] of forms) {
      it(`adding a ${format} image to ${sentence} keeps the first image`, async (test) => {
        const path = save(test, await bytes());
        const before = await configsIn(path);
        await add(path, other, ['acme/other:2'], { format });
        alone(path);
        const found = await configsIn(path);
        const { 'acme/other:2': second, 'docker.io/acme/other:2': full, ...first } = found;
        assert.equal(second ?? full, digestOf(other.config));
        assert.deepEqual(Object.values(first)[0], Object.values(before)[0]);
        assert.equal(readFileSync(path)[0] === 0x1f, sentence.includes('gzipped'));
      });
    }
  }

  it('adding to an archive of gantry keeps each manifest unchanged and equal blobs once', async (test) => {
    for (const format of ['docker', 'oci'] as const) {
      const path = join(folder(test), 'image.tar');
      await add(path, image, ['acme/app:1'], { format });
      await add(path, other, ['acme/app:2'], { format });
      await using archive = await openArchive(path);
      for (const [name, sample] of [
        ['acme/app:1', image],
        ['acme/app:2', other],
      ] as const) {
        assert.deepEqual((await archive.manifests.get(name)).bytes, sample.manifest.bytes);
      }
      const names = namesIn(path);
      assert.equal(new Set(names).size, names.length);
      // Two manifests, two configs, and three layers, since both have the lowest in common.
      assert.equal(names.filter((name) => /^blobs\/sha256\/./.test(name)).length, 7);
    }
  });

  it('names-as-they-stand: adding keeps the names of the other images in their spelling of manifest.json', async (test) => {
    const names = ['acme/app:1', 'docker.io/acme/app:2', 'localhost/app:3'];
    const annotated = { ...image, fullName: 'docker.io/acme/app:1', name: '1' };
    const [manifestJson] = docker25Files(image, names).slice(-1);
    assert.ok(manifestJson);
    const path = await saveTar(test, [...layoutFiles([annotated], [image]), manifestJson]);
    await add(path, other, ['acme/other:2']);
    await add(path, third, ['docker.io/acme/other:3']);
    const saved: unknown = JSON.parse(
      execFileSync('tar', ['-xOf', path, 'manifest.json'], { encoding: 'utf8' }),
    );
    assert.ok(Array.isArray(saved));
    assert.deepEqual(
      new Set(saved.flatMap(({ RepoTags }) => RepoTags)),
      new Set([...names, 'acme/other:2', 'docker.io/acme/other:3']),
    );
    await add(path, other, ['acme/app:1']);
    const left: unknown = JSON.parse(
      execFileSync('tar', ['-xOf', path, 'manifest.json'], { encoding: 'utf8' }),
    );
    assert.ok(Array.isArray(left));
    const [kept] = left.filter(({ RepoTags }) => RepoTags.includes('localhost/app:3'));
    assert.deepEqual(kept?.RepoTags, ['docker.io/acme/app:2', 'localhost/app:3']);
  });

  it('adding under an existing name moves the name, and leaves out the image that has no name any more', async (test) => {
    const path = await saveTar(test, docker25Files(image, ['acme/app:1']));
    await add(path, third, ['acme/other:1']);
    await add(path, other, ['acme/app:1']);
    assert.deepEqual(
      Object.values(await configsIn(path)).sort(),
      [digestOf(other.config), digestOf(third.config)].sort(),
    );
    assert.ok(!namesIn(path).some((name) => name.endsWith(image.manifest.descriptor.digest.slice(7))));
  });

  it('adding an existing image adds only the name', async (test) => {
    const path = await saveTar(test, layoutFiles([{ ...image, name: 'a' }], [image]));
    await using archive = await createArchive(path, { format: 'oci', existing: 'add' });
    for (const blob of blobsOf(image.manifest.body)) assert.ok(await archive.blobs.stat(blob.digest));
    await archive.manifests.put(image.manifest, { tags: ['b'] });
    await archive.commit();
    assert.deepEqual(await configsIn(path), { a: digestOf(image.config), b: digestOf(image.config) });
  });

  it('adding keeps the entries of the other images: annotations, platforms, referrers and a partial index', async (test) => {
    const index = indexOf(image, other);
    const files = layoutFiles([{ manifest: index, name: 'part' }, third], [image, third]);
    const path = await saveTar(test, files);
    await add(path, other, ['acme/other:2'], { format: 'oci' });
    await using archive = await openArchive(path);
    assert.deepEqual((await archive.manifests.get('part')).bytes, index.bytes);
    assert.equal((await archive.roots()).length, 3);
    assert.ok(await archive.manifests.resolve(third.manifest.descriptor.digest));
  });

  it('adding to an empty file writes a new archive', async (test) => {
    const path = save(test, new Uint8Array(0));
    await add(path, image, ['acme/app:1']);
    assert.deepEqual(Object.values(await configsIn(path)), [digestOf(image.config)]);
  });

  it('adding keeps the mode of the file', {
    skip: process.platform === 'win32' ? 'Windows has no modes' : false,
  }, async (test) => {
    const path = await saveTar(test, docker25Files(image, ['acme/app:1']));
    chmodSync(path, 0o600);
    await add(path, other, ['acme/app:2']);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  });

  it('processes that add at the same time wait for each other, so all images are there', async (test) => {
    const path = join(folder(test), 'image.tar');
    const wait = Number.POSITIVE_INFINITY;
    await Promise.all([
      add(path, image, ['acme/app:1'], { wait }),
      add(path, other, ['acme/app:2'], { wait }),
      add(path, third, ['acme/app:3'], { wait }),
    ]);
    assert.equal(Object.keys(await configsIn(path)).length, 3);
    alone(path);
  });
});

const broken = await tarOf(
  layoutFiles([{ ...image, name: 'a' }], []).filter(
    (entry) => !entry.name.includes(digestOf(image.config).slice(7)),
  ),
);
const saved = await tarOf(docker25Files(image, ['acme/app:1']));

describe('second-copy-into-an-archive: a refused addition', () => {
  for (const [sentence, bytes, code] of [
    ['that is no archive', new TextEncoder().encode('notes of mine'), 'MANIFEST_INVALID'],
    ['with an incomplete image', broken, 'MANIFEST_INVALID'],
    ['that is truncated', saved.subarray(0, 3000), 'MANIFEST_INVALID'],
    [
      'with an unsupported compression',
      new Uint8Array([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0, 0]),
      'MANIFEST_INVALID',
    ],
  ] as const) {
    it(`the addition to a file ${sentence} leaves the file unchanged and names --replace`, async (test) => {
      const path = save(test, bytes);
      await assert.rejects(
        add(path, other, ['acme/other:2']),
        (error) => isGantryError(error, code) && error.message.includes('--replace'),
      );
      assert.ok(readFileSync(path).equals(bytes));
      alone(path);
    });
  }

  it('an addition that is disposed or aborted leaves the file unchanged', async (test) => {
    const bytes = saved;
    const path = save(test, bytes);
    {
      await using archive = await createArchive(path, { format: 'docker', existing: 'add' });
      await put(archive, other, 'acme/app:2');
    }
    await using failing = await createArchive(path, { format: 'docker', existing: 'add' });
    await put(failing, other, 'acme/app:2');
    await assert.rejects(failing.commit({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
    assert.ok(readFileSync(path).equals(bytes));
  });

  it('an addition without a wait is refused while another runs', async (test) => {
    const path = await saveTar(test, docker25Files(image, ['acme/app:1']));
    await using first = await createArchive(path, { format: 'docker', existing: 'add' });
    assert.equal(first.name, path);
    await assert.rejects(add(path, other, ['acme/app:2']), (error) => isGantryError(error, 'IN_USE'));
  });

  it('an addition leaves a file that another program has changed meanwhile as that program wrote it', async (test) => {
    const path = await saveTar(test, docker25Files(image, ['acme/app:1']));
    await using archive = await createArchive(path, { format: 'docker', existing: 'add' });
    await put(archive, other, 'acme/app:2');
    writeFileSync(path, 'work of another program');
    await assert.rejects(archive.commit(), (error) => isGantryError(error, 'IN_USE'));
    assert.equal(readFileSync(path, 'utf8'), 'work of another program');
  });
});

it('a replaced archive holds only the new image', async (test) => {
  const path = await saveTar(test, docker25Files(image, ['acme/app:1']));
  await add(path, other, ['acme/app:2'], { existing: 'replace' });
  assert.deepEqual(Object.values(await configsIn(path)), [digestOf(other.config)]);
});

function skopeoReads(source: string, target: string): Buffer {
  execFileSync('skopeo', ['copy', '-q', '--insecure-policy', source, `dir:${target}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return readFileSync(join(target, 'manifest.json'));
}

describe('an extended archive', needs('skopeo'), () => {
  for (const [format, transport, names] of [
    ['docker', 'docker-archive', ['docker.io/acme/app:1', 'docker.io/acme/app:2']],
    ['oci', 'oci-archive', ['one', 'two']],
  ] as const) {
    it(`skopeo reads each image of an extended archive as ${transport} by its name`, async (test) => {
      const path = join(folder(test), 'image.tar');
      for (const [at, sample] of [image, other].entries())
        await add(path, sample, [names[at] ?? ''], { format });
      for (const [at, sample] of [image, other].entries()) {
        const target = join(folder(test), 'dir');
        mkdirSync(target);
        const manifest = skopeoReads(`${transport}:${path}:${names[at]}`, target);
        assert.ok(JSON.parse(manifest.toString()).config.digest === digestOf(sample.config));
        assert.ok(existsSync(join(target, digestOf(sample.config).slice(7))));
      }
    });
  }
});
