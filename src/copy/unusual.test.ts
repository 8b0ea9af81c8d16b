import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuthError, ContentError, CopyError, isGantryError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, failsWith, give, giveImage, imageOf, indexOf, noise } from '../testing/contract/sample.ts';
import { copyImage } from './copy.ts';
import { examined } from './examined.ts';
import { demandPresent, presentPart } from './present.ts';
import { selectChildren, selectRoot } from './select.ts';
import { failureOf, linux, manifestOf } from './stage.test.support.ts';
import { type Hook, watched } from './watched.test.support.ts';

const place = (): Repository => createMemoryRegistry().repository('acme/app', { actions: ['delete'] });
async function copyError(copying: Promise<unknown>): Promise<CopyError> {
  const error = await failureOf(copying);
  assert.ok(error instanceof CopyError, String(error));
  return error;
}

const configFor = (architecture: string) => blobOf(JSON.stringify({ os: 'linux', architecture }));

/** An index of children without platforms. */
async function giveNameless(from: Repository) {
  const images: Manifest[] = [];
  for (const architecture of ['amd64', 'arm64']) {
    await give(from, configFor(architecture));
    const image = imageOf({ config: configFor(architecture) });
    await from.manifests.put(image);
    images.push(image);
  }
  const index = indexOf(images.map(({ descriptor }) => descriptor));
  await from.manifests.put(index);
  return { index, images };
}

/** An index with one of its two images. */
async function giveHalf() {
  const from = place();
  const one = await giveImage(from, { layers: [blobOf('one')] });
  const gone = imageOf({ layers: [blobOf('gone')] });
  const index = indexOf([
    { ...one.descriptor, platform: linux('amd64') },
    { ...gone.descriptor, platform: linux('arm64') },
  ]);
  return { from, one, gone, index };
}

/** An image with one layer, without the size of the layer. */
async function giveUnsized(from: Repository): Promise<Manifest> {
  const layer = blobOf(noise(5000));
  const config = blobOf('{"os":"linux","architecture":"amd64"}');
  await give(from, layer, config);
  const image = manifestOf(MediaType.ociManifest, {
    config: { ...config.descriptor, mediaType: MediaType.ociConfig },
    layers: [{ mediaType: MediaType.ociLayerGzip, digest: layer.descriptor.digest }],
  });
  await from.manifests.put(image, { tags: ['v1'] });
  return image;
}

describe('copyImage of descriptors without a size', () => {
  it('a layer without a size is copied with the size that the source reports', async () => {
    const from = place();
    const image = await giveUnsized(from);
    const to = place();
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    assert.equal((await to.blobs.stat(digestOf(noise(5000))))?.size, 5000);
    assert.equal((await to.manifests.resolve('v1'))?.digest, image.descriptor.digest);
  });

  it('a missing layer without a size is an error of the source, and sets no tag', async () => {
    const from = place();
    await giveUnsized(from);
    await from.blobs.delete(digestOf(noise(5000)));
    const to = place();
    const { side, step, code } = await copyError(copyImage(from, 'v1', to, { tags: ['v1'] }));
    assert.deepEqual([side, step, code], ['source', 'find the size of a blob', 'BLOB_UNKNOWN']);
    assert.equal(await to.manifests.resolve('v1'), undefined);
  });
});

describe('copyImage of manifests that gantry does not understand', () => {
  it('a manifest of an unknown type with content is refused before anything is written', async () => {
    const from = place();
    const opaque = manifestOf('application/x-other+json', { parts: [blobOf('part').descriptor] });
    await from.manifests.put(opaque, { tags: ['v1'] });
    const to = watched(place());
    const { code, side } = await copyError(copyImage(from, 'v1', to.repository, { tags: ['v1'] }));
    assert.deepEqual([code, side, to.of('put'), to.of('write')], ['UNSUPPORTED', 'source', [], []]);
  });

  it('an image beside an opaque child of its index is not left without its index', async () => {
    const from = place();
    const image = await giveImage(from, { layers: [blobOf('one')] });
    const opaque = manifestOf('application/x-other+json', { parts: [blobOf('part').descriptor] });
    await from.manifests.put(opaque);
    await from.manifests.put(indexOf([image.descriptor, opaque.descriptor]), { tags: ['v1'] });
    const to = place();
    assert.equal((await copyError(copyImage(from, 'v1', to, { tags: ['v1'] }))).code, 'UNSUPPORTED');
    assert.equal(await to.manifests.resolve('v1'), undefined);
  });
});

describe('the choice of platforms', () => {
  it('the configs decide where the index names no platforms', async () => {
    const from = place();
    const { index, images } = await giveNameless(from);
    const chosen = await selectRoot(from, index, ['linux/arm64']);
    assert.equal(chosen.descriptor.digest, images[1]?.descriptor.digest);
  });

  it('a missing child without a platform is passed over', async () => {
    const from = place();
    const { index, images } = await giveNameless(from);
    await from.manifests.delete(images[0]?.descriptor.digest ?? digestOf(new Uint8Array(0)));
    assert.equal(
      (await selectRoot(from, index, ['linux/arm64'])).descriptor.digest,
      images[1]?.descriptor.digest,
    );
    await failsWith(selectRoot(from, index, ['linux/amd64']), 'MANIFEST_UNKNOWN');
  });

  it('an error of the place while it reads a child without a platform is not taken for absence', async () => {
    const from = place();
    const { index } = await giveNameless(from);
    const denied = new AuthError('DENIED', 'no');
    const hook: Hook = ({ step }) => {
      if (step === 'open') throw denied;
    };
    const choosing = selectChildren(watched(from, hook).repository, index, ['linux/arm64']);
    await assert.rejects(choosing, (error) => error === denied);
  });

  it('the error for a missing platform names each existing one once', async () => {
    const from = place();
    const [one, two] = [await giveImage(from), await giveImage(from, { layers: [blobOf('two')] })];
    const index = indexOf([one, two].map(({ descriptor }) => ({ ...descriptor, platform: linux('amd64') })));
    await assert.rejects(selectRoot(from, index, ['linux/s390x']), (error) => {
      assert.ok(isGantryError(error, 'MANIFEST_UNKNOWN'));
      assert.match(error.message, /for platform linux\/s390x; it has linux\/amd64$/);
      return true;
    });
  });
});

describe('the part of an index that a place has', () => {
  it('the only existing image of an index is its part', async () => {
    const { from, one, gone, index } = await giveHalf();
    const { root, absent } = await presentPart(from, index);
    assert.equal(root.descriptor.digest, one.descriptor.digest);
    assert.deepEqual(
      absent.map(({ digest }) => digest),
      [gone.descriptor.digest],
    );
  });

  it('an image whose config is missing does not exist', async () => {
    const { from, index } = await giveHalf();
    await from.blobs.delete(blobOf('{"os":"linux","architecture":"amd64"}').descriptor.digest);
    await failsWith(presentPart(from, index), 'MANIFEST_UNKNOWN');
  });

  it('a requested platform that the index lists and the place lacks is refused with the existing ones', async () => {
    const { from, index } = await giveHalf();
    await assert.rejects(presentPart(from, index, { platforms: ['linux/arm64'] }), (error) => {
      assert.ok(isGantryError(error, 'MANIFEST_UNKNOWN'));
      assert.match(error.message, /linux\/arm64.*linux\/amd64/);
      return true;
    });
  });

  it('an index in an index whose image is missing is not complete, and does not exist', async () => {
    const { from, index, gone } = await giveHalf();
    const inner = indexOf([gone.descriptor]);
    await from.blobs.write(inner.descriptor, blobOf(inner.bytes).content);
    const [outer, child] = [indexOf([inner.descriptor]), index.descriptor];
    assert.notEqual(outer.descriptor.digest, child.digest);
    await failsWith(demandPresent(from, outer), 'MANIFEST_UNKNOWN', 'MANIFEST_INVALID');
  });

  it('several existing images make an index of their own, and content inside of descriptors counts as existing', async () => {
    const { from, one, gone } = await giveHalf();
    const inline = imageOf({ layers: [blobOf('inline')] });
    const data = Buffer.from(inline.bytes).toString('base64');
    const whole = imageOf({ config: blobOf('{}'), layers: [blobOf('one')] });
    const { body } = whole;
    assert.ok(body.kind === 'image');
    // Its config is nowhere but in the manifest.
    const own = manifestOf(MediaType.ociManifest, {
      config: { ...body.config, data: Buffer.from('{}').toString('base64') },
      layers: body.layers,
    });
    await give(from, blobOf('{}'), blobOf('one'));
    await from.manifests.put(own);
    await from.blobs.delete(body.config.digest);
    const index = indexOf([one.descriptor, { ...inline.descriptor, data }, own.descriptor, gone.descriptor]);
    const { root, absent } = await presentPart(from, index);
    assert.ok(root.body.kind === 'index');
    assert.deepEqual(
      root.body.manifests.map(({ digest }) => digest),
      [one, inline, own].map(({ descriptor }) => descriptor.digest),
    );
    assert.notEqual(root.descriptor.digest, index.descriptor.digest);
    assert.deepEqual(
      absent.map(({ digest }) => digest),
      [gone.descriptor.digest],
    );
  });

  it('of an index with nothing but an index whose images are partly there, the part of that one is taken', async () => {
    const { from, one, index } = await giveHalf();
    await from.manifests.put(index);
    const { root } = await presentPart(from, indexOf([index.descriptor]));
    assert.equal(root.descriptor.digest, one.descriptor.digest);
    await failsWith(
      presentPart(from, indexOf([index.descriptor]), { platforms: ['linux/arm64'] }),
      'MANIFEST_UNKNOWN',
    );
  });

  it('an entry that is no manifest exists if its blob does, and a complete index is taken as it is', async () => {
    const { from, one } = await giveHalf();
    const [file, missing] = [blobOf('a file'), blobOf('a missing file')];
    await give(from, file);
    const index = indexOf([one.descriptor, file.descriptor]);
    assert.equal((await presentPart(from, index)).root, index);
    assert.deepEqual((await presentPart(from, one)).absent, []);
    const { absent } = await presentPart(
      from,
      indexOf([one.descriptor, file.descriptor, missing.descriptor]),
    );
    assert.deepEqual(absent, [missing.descriptor]);
  });

  it('the message about thousands of missing images names twenty of them', async () => {
    const from = place();
    const missing = Array.from(
      { length: 1000 },
      (_, at) => imageOf({ layers: [blobOf(`${at}`)] }).descriptor,
    );
    await assert.rejects(demandPresent(from, indexOf(missing)), (error) => {
      assert.ok(isGantryError(error, 'MANIFEST_UNKNOWN'));
      assert.equal(error.message.match(/sha256:/g)?.length, 21);
      assert.match(error.message, /and 980 more/);
      return true;
    });
  });
});

describe('examined', () => {
  it('an image with another number of layers than its config is refused when it is read', async () => {
    const from = place();
    const config = blobOf(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        rootfs: { type: 'layers', diff_ids: ['a', 'b'] },
      }),
    );
    await give(from, config, blobOf('one'));
    const image = imageOf({ config, layers: [blobOf('one')] });
    await from.manifests.put(image, { tags: ['v1'] });
    await failsWith(examined(from).manifests.get('v1'), 'MANIFEST_INVALID');
    assert.equal((await from.manifests.get('v1')).descriptor.digest, image.descriptor.digest);
  });

  it('a damaged config is left to the copy, and another error of the place is passed on', async () => {
    const from = place();
    await giveImage(from, { layers: [blobOf('one')] }, 'v1');
    const failing = (reason: unknown): Repository => {
      const hook: Hook = ({ step }) => {
        if (step === 'open') throw reason;
      };
      return examined(watched(from, hook).repository);
    };
    const damage = new ContentError('DIGEST_INVALID', 'damaged');
    assert.equal((await failing(damage).manifests.get('v1')).body.kind, 'image');
    const bug = new TypeError('a bug of a place');
    await assert.rejects(failing(bug).manifests.get('v1'), (error) => error === bug);
  });
});
