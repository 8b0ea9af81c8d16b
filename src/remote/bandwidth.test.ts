import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent, streamContent } from '../flow/content.ts';
import { createLine } from '../http/line.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, give, noise, read } from '../testing/contract/sample.ts';
import { createManualClock, type ManualClock, timed } from '../time/clock.test.support.ts';
import { openRegistry } from './registry.ts';
import { createResources } from './resources.ts';

const kibibyte = 1024;

/** Returns the seconds that the work takes in virtual time. */
async function seconds(clock: ManualClock, work: Promise<unknown>): Promise<number> {
  return (await timed(clock, work)) / 1000;
}
/** Bytes per second. */
const rate = 10 * kibibyte;

interface Scene {
  readonly clock: ManualClock;
  readonly remote: Repository;
  readonly inside: Repository;
  readonly asked: string[];
}

/** Opens a repository with every timeout of a client, at 10 KiB/s, over a network that loses no time. */
async function scene(): Promise<Scene> {
  const clock = createManualClock();
  const memory = createMemoryRegistry();
  const app = createApp(memory);
  const asked: string[] = [];
  const resources = createResources(clock);
  const bandwidth = resources.bandwidth(rate);
  const send = createLine({
    transport: (request) => {
      asked.push(`${request.method} ${request.url.replace(/.*\/(blobs\/uploads|blobs|manifests).*/, '$1')}`);
      return app(request);
    },
    timeouts: { clock },
    retry: { clock },
    bandwidth,
  });
  const base = 'http://registry.test';
  const registry = openRegistry({ base, send, clock }, resources, { bandwidth });
  const remote = registry.repository('app', { actions: ['pull', 'push'] });
  // Loads all code, which takes real time.
  const { descriptor, content } = blobOf('first');
  await remote.blobs.write(descriptor, content);
  await read(remote.blobs.open(descriptor));
  asked.length = 0;
  return { clock, remote, inside: memory.repository('app'), asked };
}

const blobs = Array.from({ length: 16 }, (_, at) => {
  const bytes = noise(40 * kibibyte);
  bytes[0] = at;
  return blobOf(bytes);
});
/** Seconds of all blobs together. */
const expected = (16 * 40 * kibibyte) / rate;

describe('16 blobs at 10K together', () => {
  it('16 downloads take the time of their bytes, and one request each', async () => {
    const { clock, remote, inside, asked } = await scene();
    await give(inside, ...blobs);
    const all = Promise.all(blobs.map(({ descriptor }) => read(remote.blobs.open(descriptor))));
    const took = await seconds(clock, all);
    assert.deepEqual(
      await all,
      blobs.map(({ bytes }) => bytes),
    );
    assert.deepEqual(
      asked,
      blobs.map(() => 'GET blobs'),
    );
    assert.ok(Math.abs(took - expected) <= expected * 0.05, `${took} s`);
  });

  it('16 uploads take the time of their bytes, and one PUT each', async () => {
    const { clock, remote, inside, asked } = await scene();
    const took = await seconds(
      clock,
      Promise.all(blobs.map(({ descriptor, content }) => remote.blobs.write(descriptor, content))),
    );
    for (const { descriptor } of blobs) assert.ok(await inside.blobs.stat(descriptor.digest));
    assert.equal(asked.filter((one) => one === 'PUT blobs/uploads').length, 16);
    assert.ok(Math.abs(took - expected) <= expected * 0.05, `${took} s`);
  });

  it('a large upload at 10K reports progress for each piece of a chunk', async () => {
    const { clock, remote } = await scene();
    const { descriptor, content } = blobOf(noise(1000 * kibibyte));
    const steps: number[] = [];
    const onProgress = ({ sent }: { readonly sent: number }): void => void steps.push(sent);
    const took = await seconds(clock, remote.blobs.write(descriptor, content, { onProgress }));
    assert.ok(Math.abs(took - 100) <= 5, `${took} s`);
    const largest = Math.max(...steps.map((sent, at) => sent - (steps[at - 1] ?? 0)));
    assert.ok(largest <= rate / 20, `${largest} bytes in one step`);
  });

  it('a stream of unknown size at 10K takes the time of its bytes, and reports progress for each piece', async () => {
    const { clock, remote, asked } = await scene();
    const { descriptor, bytes } = blobOf(noise(1000 * kibibyte));
    const steps: number[] = [];
    const onProgress = ({ sent }: { readonly sent: number }): void => void steps.push(sent);
    const content = streamContent(bytesContent(bytes).open());
    const ingesting = remote.blobs.ingest(content, { onProgress });
    const took = await seconds(clock, ingesting);
    assert.equal((await ingesting).digest, descriptor.digest);
    assert.deepEqual(asked, ['POST blobs/uploads', 'PUT blobs/uploads']);
    assert.ok(Math.abs(took - 100) <= 5, `${took} s`);
    const largest = Math.max(...steps.map((sent, at) => sent - (steps[at - 1] ?? 0)));
    assert.ok(largest <= rate / 20, `${largest} bytes in one step`);
  });
});
