import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collect } from './collect.ts';
import type { Content, OpenOptions } from './content.ts';
import { prefetch } from './prefetch.ts';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const all = async (source: AsyncIterable<Uint8Array>): Promise<string> =>
  text(await collect(source, { limit: 100, what: 'sample' }));

/** Yields `abcdef` in two chunks and notes each opening. */
function noted({ fails = false } = {}) {
  const opened: (readonly [from: number, to: number])[] = [];
  let ended = 0;
  const content: Content = {
    size: 6,
    replayable: true,
    async *open({ from = 0, to = 6, signal }: OpenOptions = {}) {
      opened.push([from, to]);
      try {
        if (fails) throw new Error('mine');
        const bytes = new TextEncoder().encode('abcdef').subarray(from, to);
        yield bytes.subarray(0, 3);
        signal?.throwIfAborted();
        yield bytes.subarray(3);
      } finally {
        ended++;
      }
    },
  };
  return { content, opened, ended: () => ended };
}

describe('prefetch', () => {
  it('prefetched content is opened once for its first complete reading and again for each other', async () => {
    const { content, opened } = noted();
    const ahead = prefetch(content);
    assert.deepEqual(opened, [[0, 6]]);
    assert.equal(await all(ahead.content.open({ from: 2, to: 4 })), 'cd');
    assert.equal(await all(ahead.content.open()), 'abcdef');
    assert.equal(await all(ahead.content.open()), 'abcdef');
    assert.deepEqual(opened, [
      [0, 6],
      [2, 4],
      [0, 6],
    ]);
  });

  it('prefetched content is released when no caller reads it', async () => {
    const { content, ended } = noted();
    await prefetch(content).close();
    assert.equal(ended(), 1);
  });

  it('prefetched content is released when it is opened and not read', async () => {
    const { content, opened, ended } = noted();
    const ahead = prefetch(content);
    const [one, other] = [ahead.content.open(), ahead.content.open()];
    await ahead.close();
    assert.equal(ended(), 1);
    for (const late of [one, other]) assert.equal(await all(late), 'abcdef');
    assert.equal(opened.length, 3);
  });

  it('closing prefetched content leaves it to its reader', async () => {
    const { content, ended } = noted();
    const ahead = prefetch(content);
    const reading = ahead.content.open()[Symbol.asyncIterator]();
    await reading.next();
    await ahead.close();
    assert.equal(ended(), 0);
    await reading.return?.();
    assert.equal(ended(), 1);
  });

  it('prefetched content fails only for its reader', async () => {
    const { content } = noted({ fails: true });
    await prefetch(content).close();
    await assert.rejects(all(prefetch(content).content.open()), { message: 'mine' });
  });

  it('prefetched content ends with the signal of its reader', async () => {
    const { content, ended } = noted();
    const end = new AbortController();
    const reading = prefetch(content).content.open({ signal: end.signal })[Symbol.asyncIterator]();
    await reading.next();
    end.abort(new Error('enough'));
    await assert.rejects(reading.next(), { message: 'enough' });
    assert.equal(ended(), 1);
  });
});
