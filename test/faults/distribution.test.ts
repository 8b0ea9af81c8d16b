import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { startDistribution } from '../../bench/support/distribution.ts';
import { createConnections } from '../../src/client/connections.ts';
import { isGantryError } from '../../src/errors.ts';
import { streamContent } from '../../src/flow/content.ts';
import { measure } from '../../src/flow/hash.ts';
import { parseReference } from '../../src/spec/reference.ts';
import type { Repository } from '../../src/store/contract.ts';
import { needs } from '../peer.ts';
import { generated } from './generated.ts';
import { startProxy, type WireFault } from './proxy.ts';
import { clientOptions } from './stage.ts';

/** Cuts one transfer of a large blob to and from distribution 2.8, which drops a session after a broken request. */

const size = 100 * 1024 * 1024;
const after70 = Math.floor(size * 0.7);
const figures: string[] = [];

interface Way {
  readonly direction: WireFault['direction'];
  readonly most: number;
}

/** Runs `use` over a connection that is cut once, and compares its cost with the permitted cost. */
async function cutOnce(
  name: string,
  host: string,
  { direction, most }: Way,
  use: (place: Repository) => Promise<unknown>,
): Promise<void> {
  await using proxy = await startProxy(host, { direction, after: after70, how: 'cut' });
  await using connections = createConnections(clientOptions({ upload: {} }));
  const reference = parseReference(`${proxy.host}/acme/app`);
  const place = connections.registry(reference).repository('acme/app', { actions: ['pull', 'push'] });
  await use(place);
  const figure = proxy.carried[direction] / size;
  figures.push(`${name.padEnd(64)}${figure.toFixed(3)} of at most ${most}\n`);
  assert.ok(figure <= most, `${figure} of at most ${most}`);
}

describe('a cut on the way to distribution 2.8', needs('docker-registry'), () => {
  // id: distribution-cut-upload
  it('a cut costs a large blob no more than twice its bytes, and none again when it is read', async () => {
    await using registry = await startDistribution();
    const { descriptor, content } = generated(size);
    await cutOnce('request cut, large blob', registry.host, { direction: 'request', most: 2 }, (place) =>
      place.blobs.write(descriptor, content),
    );
    await cutOnce(
      'answer cut, large blob',
      registry.host,
      { direction: 'response', most: 1.1 },
      async (place) => {
        const { digest } = await measure(place.blobs.open(descriptor).open());
        assert.equal(digest, descriptor.digest);
      },
    );
  });

  it('a cut ends a stream after more than a chunk, and leaves nothing', async () => {
    await using registry = await startDistribution();
    const { descriptor, content } = generated(size);
    await cutOnce(
      'request cut, large stream',
      registry.host,
      { direction: 'request', most: 1 },
      async (place) => {
        await assert.rejects(place.blobs.ingest(streamContent(content.open())), (error) =>
          isGantryError(error, 'BLOB_UPLOAD_UNKNOWN'),
        );
        assert.equal(await place.blobs.stat(descriptor.digest), undefined);
      },
    );
  });
});

after(() => {
  process.stdout.write(`distribution 2.8, 100 MiB: bytes on the wire ÷ bytes needed\n${figures.join('')}`);
});
