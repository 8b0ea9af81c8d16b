import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { measure } from '../../src/flow/hash.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { blobOf, giveImage, noise } from '../../src/testing/contract/sample.ts';
import type { Fault } from '../../src/testing/faults.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';

/** The four stalls of a transfer over real connections, with the default limits. */

const layer = blobOf(noise(2_000_000));

interface Stall {
  readonly name: string;
  readonly fault: Fault;
  readonly side: 'source' | 'destination';
}

const isLayer: Fault['when'] = ({ url }) => url.includes(`/blobs/${layer.descriptor.digest}`);

const stalls: readonly Stall[] = [
  {
    name: 'a blob is never answered',
    side: 'source',
    fault: { when: isLayer, effect: { stall: { of: 'answer', after: 0 } } },
  },
  {
    name: 'a blob goes silent at half',
    side: 'source',
    fault: { when: isLayer, effect: { stall: { of: 'answer', after: 1_000_000 } } },
  },
  {
    name: 'the start of an upload is never answered',
    side: 'destination',
    fault: {
      when: { operation: ['upload.start', 'upload.mount'] },
      effect: { stall: { of: 'answer', after: 0 } },
    },
  },
  {
    name: 'the end of an upload is never answered',
    side: 'destination',
    fault: { when: { operation: 'upload.commit' }, effect: { stall: { of: 'answer', after: 0 } } },
  },
];

async function play(test: TestContext, { fault, side }: Stall): Promise<void> {
  const held = createMemoryRegistry();
  await giveImage(held.repository('app'), { layers: [layer] }, '1');
  const target = createMemoryRegistry();
  const faults = (of: Stall['side']): { readonly faults: readonly Fault[] } => ({
    faults: of === side ? [fault] : [],
  });
  await using source = await startRegistry({ registry: held, ...faults('source') });
  await using destination = await startRegistry({ registry: target, ...faults('destination') });
  const client = createClient({ keychain: async () => undefined });
  atEnd(test, () => client[Symbol.asyncDispose]());
  await client.copy(`${source.host}/app:1`, `${destination.host}/copy:1`);
  const { blobs } = target.repository('copy');
  assert.equal((await measure(blobs.open(layer.descriptor).open())).digest, layer.descriptor.digest);
}

describe('a copy over real connections in which', { concurrency: true }, () => {
  for (const stall of stalls) {
    // Without a second request each of them takes a minute or more.
    it(`silent-read: a copy in which ${stall.name} ends within 40 s`, { timeout: 40_000 }, (test) =>
      play(test, stall),
    );
  }
});
