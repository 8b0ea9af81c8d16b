import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Content } from '../flow/content.ts';
import { createPool } from '../flow/pool.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { blobOf, noise } from '../testing/contract/sample.ts';
import { BlobFetch } from './fetch.ts';
import { createQuestions } from './questions.ts';

const never = (): Promise<never> => new Promise(() => undefined);
const explain = (error: unknown): unknown => error;
const layer = blobOf(noise(1000));

describe('cache-stuck-by-101: createQuestions', () => {
  it('a question without an answer ends for all waiting callers, and the next caller asks it again', async () => {
    const questions = createQuestions<string>(new AbortController().signal, { limit: 1 });
    const asked = Array.from({ length: 3 }, () => questions('a', never));
    for (const one of asked) await assert.rejects(one, { code: 'TIMED_OUT' });
    assert.equal(await questions('a', async () => 'well'), 'well');
  });

  it('a question to the upstream ends with the cache', async () => {
    const end = new AbortController();
    const questions = createQuestions<string>(end.signal);
    const reason = new Error('the cache is closed');
    const asked = questions('a', never);
    end.abort(reason);
    await assert.rejects(asked, (error) => error === reason);
  });

  it('a question continues for the others when a caller aborts', async () => {
    const questions = createQuestions<string>(new AbortController().signal);
    const gone = new AbortController();
    let tell: ((text: string) => void) | undefined;
    const ask = (): Promise<string> =>
      new Promise((resolve) => {
        tell = resolve;
      });
    const reason = new Error('gone');
    const first = questions('a', ask, { signal: gone.signal });
    gone.abort(reason);
    await assert.rejects(first, (error) => error === reason);
    const second = questions('a', never);
    tell?.('well');
    assert.equal(await second, 'well');
  });
});

describe('BlobFetch', () => {
  for (const first of [0, 1]) {
    it(`the fetch of a blob from a silent upstream fails for all readers after ${first} chunks and leaves nothing`, async () => {
      const cache = createMemoryRegistry().repository('app').blobs;
      const content: Content = {
        size: layer.descriptor.size,
        replayable: true,
        async *open() {
          if (first > 0) yield new Uint8Array(10);
          await never();
        },
      };
      const { digest } = layer.descriptor;
      const fetch = new BlobFetch({ digest, content, cache, pool: createPool(1), explain, patience: 1 });
      await assert.rejects(
        async () => {
          for await (const _ of fetch.read());
        },
        { code: 'STALLED' },
      );
      await fetch.settled;
      assert.equal(await cache.stat(digest), undefined);
    });
  }
});
