import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { atEnd } from '../../test/at-end.ts';
import { needs } from '../../test/peer.ts';
import { isGantryError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { repositoryContract } from '../testing/contract.ts';
import { folder, indexOf, manifestOf, type SampleImage, sampleImage } from './archives.test.samples.ts';
import { openArchive } from './read.ts';
import { type CreateArchiveOptions, createArchive } from './write.ts';

const image = await sampleImage('hello');
const other = await sampleImage('hello', 'arm64');
const formats = ['docker', 'oci', 'legacy'] as const;

repositoryContract(
  'archive',
  async (test) => {
    const archive = await createArchive(join(folder(test), 'image.tar'), { format: 'oci' });
    atEnd(test, () => archive[Symbol.asyncDispose]());
    return archive;
  },
  { mounts: false, mountsFromAny: false },
);

async function put(to: Repository, sample: SampleImage, ...tags: readonly string[]): Promise<void> {
  await Promise.all(
    [...sample.blobs].map(([digest, bytes]) =>
      to.blobs.write(
        { mediaType: MediaType.octetStream, digest, size: bytes.byteLength },
        bytesContent(bytes),
      ),
    ),
  );
  await to.manifests.put(sample.manifest, { tags });
}

async function write(
  test: TestContext,
  options: CreateArchiveOptions,
  fill: (to: Repository) => Promise<void>,
): Promise<string> {
  const path = join(folder(test), 'image.tar');
  const archive = await createArchive(path, options);
  await fill(archive);
  await archive.commit();
  await archive[Symbol.asyncDispose]();
  assert.deepEqual(readdirSync(dirname(path)), [basename(path)]);
  return path;
}

const putOne = (to: Repository): Promise<void> => put(to, image, 'acme/app:1');

function jsonIn(path: string, name: string): unknown {
  return JSON.parse(execFileSync('tar', ['-xOf', path, name], { encoding: 'utf8' }));
}

function blob(digest: string): string {
  return `blobs/sha256/${digest.slice(7)}`;
}

describe('createArchive', () => {
  for (const format of formats) {
    for (const gzip of [false, true]) {
      it(`createArchive writes a ${format} archive${gzip ? ', gzipped,' : ''} that openArchive reads`, async (test) => {
        const path = await write(test, { format, gzip }, putOne);
        await using archive = await openArchive(path);
        assert.equal(archive.format, format === 'oci' ? 'oci' : 'docker');
        const manifest = await archive.manifests.get('acme/app:1');
        if (format !== 'legacy') assert.deepEqual(manifest.bytes, image.manifest.bytes);
        assert.ok(manifest.body.kind === 'image');
        assert.equal(manifest.body.config.digest, digestOf(image.config));
        assert.equal(manifest.body.layers.length, 2);
      });
    }

    it(`createArchive writes the same ${format} archive for the same content in any order`, async (test) => {
      const one = await write(test, { format }, async (to) => {
        await put(to, image, 'acme/app:1');
        await put(to, other, 'acme/app:2');
      });
      const two = await write(test, { format }, async (to) => {
        await put(to, other, 'acme/app:2');
        await put(to, image, 'acme/app:1');
      });
      assert.ok(readFileSync(one).equals(readFileSync(two)));
    });

    it(`createArchive writes a ${format} archive that GNU tar lists`, {
      skip: process.platform === 'win32' ? 'no GNU tar' : false,
    }, async (test) => {
      const path = await write(test, { format }, putOne);
      const names = execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trim().split('\n');
      if (format === 'legacy') assert.ok(names.includes('repositories'));
      // skopeo gives folders without an entry to root, and fails if root does not run it.
      else assert.deepEqual(names.slice(0, 2), ['blobs/', 'blobs/sha256/']);
    });
  }

  it('a docker archive has the name for docker load, and the layers by their digests', async (test) => {
    const path = await write(test, { format: 'docker' }, putOne);
    const { body } = image.manifest;
    assert.ok(body.kind === 'image');
    assert.deepEqual(jsonIn(path, 'manifest.json'), [
      {
        Config: blob(body.config.digest),
        RepoTags: ['acme/app:1'],
        Layers: body.layers.map(({ digest }) => blob(digest)),
      },
    ]);
    assert.deepEqual(jsonIn(path, 'index.json'), {
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [
        {
          ...image.manifest.descriptor,
          annotations: {
            'io.containerd.image.name': 'docker.io/acme/app:1',
            'org.opencontainers.image.ref.name': '1',
          },
        },
      ],
    });
  });

  it('an OCI archive keeps a name unchanged', async (test) => {
    const path = await write(test, { format: 'oci' }, (to) => put(to, image, 'v1'));
    await using archive = await openArchive(path);
    assert.equal((await archive.manifests.resolve('v1'))?.digest, image.manifest.descriptor.digest);
  });

  it('a docker archive has the whole index, and its amd64 image for docker load', async (test) => {
    const index = indexOf(other, image);
    const path = await write(test, { format: 'docker' }, async (to) => {
      await put(to, other);
      await put(to, image);
      await to.manifests.put(index, { tags: ['acme/app:1'] });
    });
    const saved = jsonIn(path, 'manifest.json');
    assert.ok(Array.isArray(saved));
    assert.equal(saved.length, 1);
    assert.equal(saved[0].Config, `blobs/sha256/${digestOf(image.config).slice(7)}`);
    await using archive = await openArchive(path);
    assert.deepEqual((await archive.manifests.get('acme/app:1')).bytes, index.bytes);
    assert.deepEqual((await archive.roots()).length, 1);
  });

  it('an image with two names is written once', async (test) => {
    const path = await write(test, { format: 'docker' }, (to) =>
      put(to, image, 'acme/app:1', 'acme/app:2', 'bare'),
    );
    const saved = jsonIn(path, 'manifest.json');
    assert.ok(Array.isArray(saved));
    assert.deepEqual(
      saved.map(({ RepoTags }) => RepoTags),
      [['acme/app:1', 'acme/app:2']],
    );
  });

  it('index.json lists manifests without a name, such as signatures', async (test) => {
    const path = await write(test, { format: 'oci' }, async (to) => {
      await put(to, image, 'acme/app:1');
      await put(to, other);
    });
    await using archive = await openArchive(path);
    assert.equal((await archive.roots()).length, 2);
  });

  it('each v1 layer names the layer below', async (test) => {
    const path = await write(test, { format: 'legacy' }, putOne);
    const repositories = jsonIn(path, 'repositories');
    assert.ok(typeof repositories === 'object' && repositories !== null && 'acme/app' in repositories);
    const [saved] = [jsonIn(path, 'manifest.json')].flat();
    assert.ok(
      typeof saved === 'object' && saved !== null && 'Layers' in saved && Array.isArray(saved.Layers),
    );
    const ids = saved.Layers.map((name) => String(name).split('/')[0]);
    const top = jsonIn(path, `${ids[1]}/json`);
    assert.ok(typeof top === 'object' && top !== null && 'parent' in top);
    assert.equal(top.parent, ids[0]);
    assert.deepEqual(repositories['acme/app'], { '1': ids[1] });
  });

  it('an archive that is disposed before the commit leaves nothing', async (test) => {
    const dir = folder(test);
    const archive = await createArchive(join(dir, 'image.tar'), { format: 'docker' });
    await put(archive, image, 'acme/app:1');
    await archive[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(dir), []);
  });

  it('the commit replaces an existing file, and nothing before does', async (test) => {
    const path = join(folder(test), 'image.tar');
    writeFileSync(path, 'before');
    await using archive = await createArchive(path, { format: 'oci' });
    await put(archive, image, 'acme/app:1');
    assert.equal(readFileSync(path, 'utf8'), 'before');
    await archive.commit();
    await using written = await openArchive(path);
    assert.equal(written.format, 'oci');
  });

  it('an archive goes to the target of a link', async (test) => {
    const dir = folder(test);
    writeFileSync(join(dir, 'image.tar'), 'before');
    symlinkSync('image.tar', join(dir, 'link.tar'));
    await using archive = await createArchive(join(dir, 'link.tar'), { format: 'oci' });
    await putOne(archive);
    await archive.commit();
    assert.ok(lstatSync(join(dir, 'link.tar')).isSymbolicLink());
    await using written = await openArchive(join(dir, 'image.tar'));
    assert.equal(written.format, 'oci');
  });

  for (const format of formats) {
    it(`dangling-link: a ${format} archive creates the target of a link, and the link stays`, async (test) => {
      const dir = folder(test);
      mkdirSync(join(dir, 'real', 'inner'), { recursive: true });
      symlinkSync(join('real', 'inner'), join(dir, 'sub'));
      symlinkSync('sub/../image.tar', join(dir, 'second.tar'));
      symlinkSync(join(dir, 'second.tar'), join(dir, 'link.tar'));
      await using archive = await createArchive(join(dir, 'link.tar'), { format });
      await putOne(archive);
      await archive.commit();
      for (const link of ['link.tar', 'second.tar'])
        assert.ok(lstatSync(join(dir, link)).isSymbolicLink(), link);
      await using written = await openArchive(join(dir, 'real', 'image.tar'));
      assert.equal(written.format, format === 'oci' ? 'oci' : 'docker');
    });
  }

  it('an aborted commit leaves the existing file', async (test) => {
    const path = join(folder(test), 'image.tar');
    writeFileSync(path, 'before');
    await using archive = await createArchive(path, { format: 'oci' });
    await put(archive, image, 'acme/app:1');
    await assert.rejects(archive.commit({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
    assert.equal(readFileSync(path, 'utf8'), 'before');
  });

  it('an archive goes into a pipe', {
    skip: process.platform === 'win32' ? 'Windows has no /dev/stdout' : false,
  }, async (test) => {
    const dir = folder(test);
    const pipe = join(dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const out = join(dir, 'out.tar');
    const cat = spawn('sh', ['-c', 'exec cat "$0" > "$1"', pipe, out], { stdio: 'ignore' });
    const done = new Promise((resolve) => cat.on('close', resolve));
    await using archive = await createArchive(pipe, { format: 'oci' });
    await putOne(archive);
    await archive.commit();
    await done;
    await using written = await openArchive(out);
    assert.equal(written.format, 'oci');
  });
});

describe('the refusals of createArchive', () => {
  it('dangling-link: a link into a missing folder is refused, and the error names both', async (test) => {
    const dir = folder(test);
    symlinkSync(join('none', 'image.tar'), join(dir, 'link.tar'));
    await assert.rejects(
      createArchive(join(dir, 'link.tar'), { format: 'oci' }),
      (error) =>
        isGantryError(error, 'NAME_UNKNOWN') &&
        error.message.includes('link.tar') &&
        error.message.includes(join('none', 'image.tar')),
    );
    assert.deepEqual(readdirSync(dir), ['link.tar']);
  });

  it('a folder is refused', async (test) => {
    await assert.rejects(createArchive(folder(test), { format: 'oci' }), (error) =>
      isGantryError(error, 'INVALID_OPTION'),
    );
  });

  it('a file in a missing folder is refused', async (test) => {
    await assert.rejects(createArchive(join(folder(test), 'no', 'image.tar'), { format: 'oci' }), (error) =>
      isGantryError(error, 'NAME_UNKNOWN'),
    );
  });

  const root = process.getuid?.() === 0 || process.platform === 'win32';
  it('a folder without write permission is refused', {
    skip: root ? 'root may write anywhere' : false,
  }, async (test) => {
    const dir = folder(test);
    chmodSync(dir, 0o500);
    await assert.rejects(createArchive(join(dir, 'image.tar'), { format: 'oci' }), (error) =>
      isGantryError(error, 'NO_PERMISSION'),
    );
  });

  it('a full disk is reported', {
    skip: existsSync('/dev/full') ? false : 'there is no /dev/full',
  }, async () => {
    await using archive = await createArchive('/dev/full', { format: 'oci' });
    await put(archive, image, 'acme/app:1');
    await assert.rejects(archive.commit(), (error) => isGantryError(error, 'NO_SPACE'));
  });

  it('a malformed name is refused', async (test) => {
    await using archive = await createArchive(join(folder(test), 'image.tar'), { format: 'docker' });
    await assert.rejects(put(archive, image, 'Not A Name'), (error) =>
      isGantryError(error, 'INVALID_REFERENCE'),
    );
  });

  const artifact: Manifest = manifestOf(MediaType.ociManifest, {
    config: {
      mediaType: 'application/vnd.acme',
      digest: digestOf(image.config),
      size: image.config.byteLength,
    },
    layers: [],
  });
  for (const format of ['docker', 'legacy'] as const) {
    it(`a ${format} archive without an image that Docker can load is refused`, async (test) => {
      const dir = folder(test);
      await using archive = await createArchive(join(dir, 'image.tar'), { format });
      await archive.blobs.ingest(bytesContent(image.config));
      await archive.manifests.put(artifact, { tags: ['acme/app:1'] });
      await assert.rejects(archive.commit(), (error) => isGantryError(error, 'UNSUPPORTED'));
      assert.ok(!existsSync(join(dir, 'image.tar')));
    });
  }
});

function copyOut(test: TestContext, source: string): { readonly dir: string; readonly manifest: Buffer } {
  const dir = join(folder(test), 'dir');
  execFileSync('skopeo', ['copy', '-q', '--insecure-policy', source, `dir:${dir}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  return { dir, manifest: readFileSync(join(dir, 'manifest.json')) };
}

describe('skopeo', needs('skopeo'), () => {
  for (const [format, transport, name] of [
    ['docker', 'docker-archive', ''],
    ['docker', 'docker-archive', ':docker.io/acme/app:1'],
    ['docker', 'oci-archive', ''],
    ['oci', 'oci-archive', ''],
    ['oci', 'oci-archive', ':acme/app:1'],
    ['legacy', 'docker-archive', ''],
    ['legacy', 'docker-archive', ':docker.io/acme/app:1'],
  ] as const) {
    it(`skopeo reads a ${format} archive as ${transport}:FILE${name}`, async (test) => {
      const path = await write(test, { format }, putOne);
      const { dir, manifest } = copyOut(test, `${transport}:${path}${name}`);
      if (transport === 'oci-archive') assert.ok(manifest.equals(image.manifest.bytes));
      assert.ok(readFileSync(join(dir, digestOf(image.config).slice(7))).equals(image.config));
    });
  }

  for (const transport of ['docker-archive', 'oci-archive'] as const) {
    it(`openArchive reads the ${transport} of skopeo`, async (test) => {
      const path = await write(test, { format: 'oci' }, putOne);
      const target = join(folder(test), 'out.tar');
      execFileSync(
        'skopeo',
        [
          'copy',
          '-q',
          '--insecure-policy',
          `oci-archive:${path}`,
          `${transport}:${target}:docker.io/acme/app:2`,
        ],
        {
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      );
      await using archive = await openArchive(target);
      const { body } = await archive.manifests.get('acme/app:2');
      assert.ok(body.kind === 'image');
      assert.equal(body.config.digest, digestOf(image.config));
      for (const layer of body.layers) {
        let bytes = Buffer.alloc(0);
        for await (const chunk of archive.blobs.open(layer).open()) bytes = Buffer.concat([bytes, chunk]);
        assert.ok(image.layers.some((plain) => gunzipSync(bytes).equals(plain)));
      }
    });
  }
});
