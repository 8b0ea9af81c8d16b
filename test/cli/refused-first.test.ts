import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { encodeManifest, parseManifest } from '../../src/json/manifest.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import type { Repository } from '../../src/store/contract.ts';
import { blobOf, emptyConfig, give, giveImage, indexOf } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';

const model = blobOf('weights');

/** An artifact as oras and models have them: no config that an engine could run. */
async function giveArtifact(place: Repository): Promise<Manifest> {
  await give(place, emptyConfig, model);
  const bytes = encodeManifest({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: 'application/vnd.acme.model',
    config: { ...emptyConfig.descriptor, mediaType: 'application/vnd.oci.empty.v1+json' },
    layers: [{ ...model.descriptor, mediaType: 'application/vnd.acme.weights' }],
  });
  const manifest = parseManifest(bytes, { digest: digestOf(bytes), mediaType: MediaType.ociManifest });
  await place.manifests.put(manifest, { tags: ['artifact'] });
  const artifactType = 'application/vnd.acme.model';
  const index = indexOf([{ ...manifest.descriptor, artifactType }]);
  await place.manifests.put(index, { tags: ['index'] });
  return manifest;
}

describe('content that a place cannot hold', () => {
  for (const tag of ['artifact', 'index']) {
    for (const verb of ['pull', 'pull --format=legacy', 'copy']) {
      it(`refused-after-the-bytes: ${verb} of an ${tag} into a docker archive is refused before a blob is read, with the command that works`, async (test) => {
        await using registry = await startRegistry();
        await using client = createClient();
        await giveArtifact(registry.registry.repository('acme/app'));
        const cwd = await folder(test);
        const source = `${registry.host}/acme/app:${tag}`;
        const file = join(cwd, 'app.tar');
        const work =
          verb === 'copy'
            ? client.copy(source, `docker-archive:${file}`)
            : client.pull([source], file, { format: verb === 'pull' ? 'tarball' : 'legacy' });
        const error: unknown = await work.catch((reason: unknown) => reason);
        // An index of artifacts has no image of the platform that an archive takes.
        const expected = tag === 'index' && verb !== 'copy' ? 'MANIFEST_UNKNOWN' : 'UNSUPPORTED';
        assert.ok(isGantryError(error, expected), String(error));
        if (expected === 'UNSUPPORTED') assert.match(error.message, /oci-archive:FILE/);
        assert.deepEqual(
          registry.requests.filter(({ url }) => url.includes('/blobs/')),
          [],
        );
        assert.deepEqual(await readdir(cwd), []);
      });
    }
  }

  it('refused-after-the-bytes: an artifact beside an image is taken, since the image can be loaded', async (test) => {
    await using registry = await startRegistry();
    await using client = createClient();
    const place = registry.registry.repository('acme/app');
    await giveArtifact(place);
    await giveImage(place, { layers: [blobOf('layer')] }, 'image');
    const file = join(await folder(test), 'app.tar');
    const references = ['image', 'artifact'].map((tag) => `${registry.host}/acme/app:${tag}`);
    assert.equal((await client.pull(references, file)).length, 2);
  });

  it('refused-after-the-bytes: a name that an archive does not take is refused before a blob is read', async (test) => {
    await using registry = await startRegistry();
    await using client = createClient();
    await giveImage(registry.registry.repository('acme/app'), { layers: [blobOf('layer')] }, 'image');
    const file = join(await folder(test), 'app.tar');
    const copying = client.copy(`${registry.host}/acme/app:image`, `docker-archive:${file}:no such:name!`);
    const error: unknown = await copying.catch((reason: unknown) => reason);
    assert.ok(isGantryError(error, 'INVALID_REFERENCE'), String(error));
    assert.deepEqual(
      registry.requests.filter(({ url }) => url.includes('/blobs/')),
      [],
    );
  });
});
