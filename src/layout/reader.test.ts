import assert from 'node:assert/strict';
import { readFile, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { folder } from '../../test/folder.ts';
import { blobPath } from '../blobfile/blob-file.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { blobOf, failsWith, giveImage, imageOf, listOf, read } from '../testing/contract/sample.ts';
import { type LayoutRepository, openLayout } from './repository.ts';

/** A path without a file. */
async function newPath(test: TestContext): Promise<string> {
  return join(await folder(test), 'images', 'app');
}

async function writeTo(path: string, task: (layout: LayoutRepository) => Promise<void>): Promise<void> {
  await using layout = await openLayout(path, { mode: 'write' });
  await task(layout);
  await layout.commit();
}

describe('a layout that is read', () => {
  const layer = blobOf('layer');
  async function ready(test: TestContext): Promise<{ path: string; manifest: Descriptor }> {
    const path = await newPath(test);
    let manifest = layer.descriptor;
    await writeTo(path, async (layout) => {
      manifest = (await giveImage(layout, { layers: [layer] }, 'v1')).descriptor;
    });
    return { path, manifest };
  }

  it('a layout that is open for reading refuses every change', async (test) => {
    const { path } = await ready(test);
    const reader = await openLayout(path, { mode: 'read' });
    await failsWith(reader.blobs.write(layer.descriptor, layer.content), 'UNSUPPORTED');
    await failsWith(reader.manifests.put(imageOf()), 'UNSUPPORTED');
  });

  it('a layout can be read while another process writes', async (test) => {
    const { path } = await ready(test);
    await using writer = await openLayout(path, { mode: 'write' });
    await giveImage(writer, { annotations: { n: '2' } }, 'v2');
    const reader = await openLayout(path, { mode: 'read' });
    assert.deepEqual(await listOf(reader.tags.list()), ['v1']);
  });

  it('a blob that is a symbolic link is not followed', async (test) => {
    const { path, manifest } = await ready(test);
    for (const digest of [layer.descriptor.digest, manifest.digest]) {
      const blob = blobPath(path, digest);
      const elsewhere = join(dirname(path), digest.slice(7));
      await writeFile(elsewhere, await readFile(blob));
      await unlink(blob);
      await symlink(elsewhere, blob);
    }
    const reader = await openLayout(path, { mode: 'read' });
    assert.equal(await reader.blobs.stat(layer.descriptor.digest), undefined);
    await failsWith(read(reader.blobs.open(layer.descriptor.digest)), 'IO_FAILED');
    await failsWith(reader.manifests.get('v1'), 'MANIFEST_UNKNOWN');
  });

  it('a blob with changed bytes fails to read', async (test) => {
    const { path, manifest } = await ready(test);
    for (const digest of [layer.descriptor.digest, manifest.digest]) {
      const blob = blobPath(path, digest);
      const bytes = await readFile(blob);
      bytes[1] = 0;
      await writeFile(blob, bytes);
    }
    const reader = await openLayout(path, { mode: 'read' });
    await failsWith(read(reader.blobs.open(layer.descriptor.digest)), 'DIGEST_INVALID');
    await failsWith(reader.manifests.get('v1'), 'DIGEST_INVALID');
    await truncate(blobPath(path, manifest.digest), 5);
    await failsWith(reader.manifests.get('v1'), 'SIZE_INVALID');
  });

  const broken: Readonly<Record<string, (path: string) => Promise<void>>> = {
    'a folder that is not there': (path) => rm(path, { recursive: true }),
    'a file': async (path) => {
      await rm(path, { recursive: true });
      await writeFile(path, 'a file');
    },
    'a folder without index.json': (path) => unlink(join(path, 'index.json')),
    'a layout of another version': (path) =>
      writeFile(join(path, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}'),
    'an oci-layout that is no JSON': (path) => writeFile(join(path, 'oci-layout'), 'layout'),
    'an index.json that is no JSON': (path) => writeFile(join(path, 'index.json'), '{"schema'),
    'an index.json that is an image': (path) =>
      writeFile(join(path, 'index.json'), imageOf({ layers: [layer] }).bytes),
  };
  for (const [name, damage] of Object.entries(broken)) {
    it(`${name} is refused, and the error names the path`, async (test) => {
      const { path } = await ready(test);
      await damage(path);
      await assert.rejects(openLayout(path, { mode: 'read' }), (error: Error & { code?: string }) => {
        const isAbsent = name === 'a folder that is not there';
        assert.equal(error.code, isAbsent ? 'NAME_UNKNOWN' : 'MANIFEST_INVALID');
        assert.ok(error.message.includes(path), error.message);
        return true;
      });
    });
  }

  it('an index.json over the limit is refused before it is read', async (test) => {
    const { path } = await ready(test);
    await truncate(join(path, 'index.json'), 33 * 1024 * 1024);
    await failsWith(openLayout(path, { mode: 'read' }), 'TOO_LARGE');
  });
});
