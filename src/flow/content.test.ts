import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failsWith } from '../testing/contract/sample.ts';
import { collect } from './collect.ts';
import {
  bytesContent,
  type Content,
  emptyContent,
  mapContent,
  type OpenOptions,
  sliceContent,
  streamContent,
} from './content.ts';

const alphabet = 'abcdefghijklmnopqrstuvwxyz';

async function textOf(content: Content, options?: OpenOptions): Promise<string> {
  const bytes = await collect(content.open(options), { limit: 1000, what: 'text' });
  return new TextDecoder().decode(bytes);
}

const letters = (): Content => bytesContent(new TextEncoder().encode(alphabet));

async function* chunks(...texts: readonly string[]): AsyncIterable<Uint8Array> {
  for (const text of texts) yield new TextEncoder().encode(text);
}

describe('bytesContent', () => {
  it('bytesContent is read whole, in part and repeatedly', async () => {
    const content = letters();
    assert.equal(content.size, 26);
    assert.equal(content.replayable, true);
    for (const [options, expected] of [
      [{}, alphabet],
      [{ from: 20 }, 'uvwxyz'],
      [{ to: 3 }, 'abc'],
      [{ from: 3, to: 6 }, 'def'],
      [{ from: 6, to: 6 }, ''],
      [{ from: 26 }, ''],
      [{ from: 24, to: 99 }, 'yz'],
    ] as const) {
      assert.equal(await textOf(content, options), expected);
    }
  });

  it('emptyContent has no bytes', async () => {
    assert.equal(emptyContent.size, 0);
    assert.equal(await textOf(emptyContent), '');
  });

  it('bytesContent fails with the reason of an aborted signal before the first byte', async () => {
    await assert.rejects(
      textOf(letters(), { signal: AbortSignal.abort('stop') }),
      (error) => error === 'stop',
    );
  });
});

describe('sliceContent', () => {
  it('a slice of content is read in part and sliced again', async () => {
    const slice = sliceContent(letters(), 5, 15);
    assert.equal(slice.size, 10);
    assert.equal(await textOf(slice), 'fghijklmno');
    assert.equal(await textOf(slice, { from: 2, to: 4 }), 'hi');
    assert.equal(await textOf(slice, { from: 8, to: 20 }), 'no');
    const inner = sliceContent(slice, 3, 7);
    assert.equal(inner.size, 4);
    assert.equal(await textOf(inner), 'ijkl');
    assert.equal(await textOf(inner, { from: 1 }), 'jkl');
    assert.equal(await textOf(sliceContent(slice, 4, 4)), '');
  });

  it('a slice of content passes the signal on', async () => {
    await assert.rejects(
      textOf(sliceContent(letters(), 1, 2), { signal: AbortSignal.abort('stop') }),
      (error) => error === 'stop',
    );
  });

  it('a slice of content is replayable if the whole is', () => {
    assert.equal(sliceContent(letters(), 0, 1).replayable, true);
    assert.equal(sliceContent(streamContent(chunks('a')), 0, 1).replayable, false);
  });
});

describe('streamContent', () => {
  it('streamContent is read once', async () => {
    const content = streamContent(chunks('one ', 'two'), { size: 7 });
    assert.equal(content.size, 7);
    assert.equal(content.replayable, false);
    assert.equal(await textOf(content), 'one two');
    await failsWith(textOf(content), 'INVALID_OPTION');
    await failsWith(textOf(content), 'INVALID_OPTION');
  });

  it('streamContent has only the size that it was given', () => {
    assert.equal(streamContent(chunks()).size, undefined);
  });

  for (const options of [{ from: 1 }, { to: 2 }]) {
    it(`streamContent refuses to be read in part: ${JSON.stringify(options)}`, async () => {
      const content = streamContent(chunks('abc'));
      await failsWith(textOf(content, options), 'INVALID_OPTION');
      assert.equal(await textOf(content), 'abc', 'the refusal has not used it up');
    });
  }

  it('streamContent stops between two chunks when the signal aborts, and releases its source', async () => {
    let letGo = false;
    const end = new AbortController();
    async function* source(): AsyncIterable<Uint8Array> {
      try {
        yield new Uint8Array(1);
        end.abort('stop');
        yield new Uint8Array(1);
        assert.fail('read on after the abort');
      } finally {
        letGo = true;
      }
    }
    await assert.rejects(
      textOf(streamContent(source()), { signal: end.signal }),
      (error) => error === 'stop',
    );
    assert.equal(letGo, true);
  });
});

describe('mapContent', () => {
  it('mapContent passes every opening through the pipe, with its options', async () => {
    const opened: OpenOptions[] = [];
    const upper = mapContent(letters(), async function* (source, options) {
      opened.push(options);
      for await (const chunk of source) yield chunk.map((byte) => byte - 32);
    });
    assert.equal(upper.size, 26);
    assert.equal(upper.replayable, true);
    assert.equal(await textOf(upper), alphabet.toUpperCase());
    assert.equal(await textOf(upper, { from: 1, to: 3 }), 'BC');
    assert.deepEqual(opened, [{}, { from: 1, to: 3 }]);
  });

  it('mapContent keeps a one-shot source one-shot and an unknown size unknown', async () => {
    const mapped = mapContent(streamContent(chunks('a')), (source) => source);
    assert.equal(mapped.replayable, false);
    assert.equal(mapped.size, undefined);
    assert.equal(await textOf(mapped), 'a');
    await failsWith(textOf(mapped), 'INVALID_OPTION');
  });

  it('mapContent also passes the unverified content through the pipe', async () => {
    const upper = mapContent(
      { ...letters(), unverified: bytesContent(new TextEncoder().encode('abc')) },
      async function* (source) {
        for await (const chunk of source) yield chunk.map((byte) => byte - 32);
      },
    );
    assert.equal(await textOf(upper.unverified ?? letters()), 'ABC');
  });
});
