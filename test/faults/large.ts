import assert from 'node:assert/strict';
import { join } from 'node:path';
import { openArchive } from '../../src/archive/read.ts';
import { streamContent } from '../../src/flow/content.ts';
import { measure } from '../../src/flow/hash.ts';
import { openLayout } from '../../src/layout/repository.ts';
import type { Registry, Repository } from '../../src/store/contract.ts';
import { emptyConfig, give, imageOf } from '../../src/testing/contract/sample.ts';
import { generated } from './generated.ts';
import type { Scene, Transfer } from './operations.ts';

/** The size of the one layer of each transfer, in bytes. */
const bytes = 300 * 1024 * 1024;

const layer = generated(bytes);
const blob = { ...layer.descriptor, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' };

/** Puts an image `v1` of the layer into the registry. */
export async function giveLarge(registry: Registry): Promise<void> {
  const place = registry.repository('acme/app');
  await give(place, emptyConfig);
  await place.blobs.write(blob, layer.content);
  const image = imageOf({ layers: [{ descriptor: blob, bytes: new Uint8Array(0), content: layer.content }] });
  await place.manifests.put(image, { tags: ['v1'] });
}

async function assertLayer(place: Repository): Promise<void> {
  assert.equal((await measure(place.blobs.open(blob).open())).digest, blob.digest);
}

async function assertNoLayer({ inside }: Scene): Promise<void> {
  assert.equal(await inside.blobs.stat(blob.digest), undefined);
}

/** Every row of a read succeeds. */
async function assertNothing(): Promise<void> {
  assert.fail('nobody said what would have to be clean');
}

type LargeTransfer = 'blob' | 'stream' | 'fromRegistry' | 'toRegistry' | 'toLayout' | 'toArchive';

export const large: Readonly<Record<LargeTransfer, Transfer>> = {
  blob: {
    name: 'large blob',
    kind: 'write',
    bytes,
    run: ({ remote, figure }) => remote.blobs.write(blob, layer.content, figure),
    assertThere: ({ inside }) => assertLayer(inside),
    assertClean: assertNoLayer,
  },
  stream: {
    name: 'large stream',
    kind: 'write',
    bytes,
    run: ({ remote, figure }) => remote.blobs.ingest(streamContent(layer.content.open()), figure),
    assertThere: ({ inside }) => assertLayer(inside),
    assertClean: assertNoLayer,
  },
  fromRegistry: {
    name: 'large image from a registry',
    kind: 'write',
    bytes,
    run: ({ client, spoilt, good, figure: { onEvent } }) =>
      client.copy(`${good}:v1`, `${spoilt}:v1`, { onEvent }),
    assertThere: ({ inside }) => assertLayer(inside),
    assertClean: assertNoLayer,
  },
  toRegistry: {
    name: 'large image to a registry',
    kind: 'read',
    bytes,
    run: ({ client, spoilt, good, figure: { onEvent } }) =>
      client.copy(`${spoilt}:v1`, `${good}:v1`, { onEvent }),
    assertThere: ({ insideGood }) => assertLayer(insideGood),
    assertClean: assertNothing,
  },
  toLayout: {
    name: 'large image to a layout',
    kind: 'read',
    bytes,
    run: ({ client, spoilt, folder }) =>
      client.pull([`${spoilt}:v1`], join(folder, 'layout'), { format: 'oci' }),
    async assertThere({ folder }) {
      await using place = await openLayout(join(folder, 'layout'), { mode: 'read' });
      await assertLayer(place);
    },
    assertClean: assertNothing,
  },
  toArchive: {
    name: 'large image to an archive',
    kind: 'read',
    bytes,
    run: ({ client, spoilt, folder }) => client.pull([`${spoilt}:v1`], join(folder, 'archive.tar')),
    async assertThere({ folder }) {
      await using place = await openArchive(join(folder, 'archive.tar'));
      await assertLayer(place);
    },
    assertClean: assertNothing,
  },
};
