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

describe('bytes as content', () => {
  it('are read whole, in part, and again', async () => {
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

  it('may be none', async () => {
    assert.equal(emptyContent.size, 0);
    assert.equal(await textOf(emptyContent), '');
  });

  it('end with the signal, before the first byte', async () => {
    await assert.rejects(
      textOf(letters(), { signal: AbortSignal.abort('stop') }),
      (error) => error === 'stop',
    );
  });
});

describe('a slice of content', () => {
  it('is content of its own: read in part, and sliced again', async () => {
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

  it('hands the signal on', async () => {
    await assert.rejects(
      textOf(sliceContent(letters(), 1, 2), { signal: AbortSignal.abort('stop') }),
      (error) => error === 'stop',
    );
  });

  it('can be read again where the whole can', () => {
    assert.equal(sliceContent(letters(), 0, 1).replayable, true);
    assert.equal(sliceContent(streamContent(chunks('a')), 0, 1).replayable, false);
  });
});

describe('a one-shot source', () => {
  it('is read once', async () => {
    const content = streamContent(chunks('one ', 'two'), { size: 7 });
    assert.equal(content.size, 7);
    assert.equal(content.replayable, false);
    assert.equal(await textOf(content), 'one two');
    await failsWith(textOf(content), 'INVALID_OPTION');
    await failsWith(textOf(content), 'INVALID_OPTION');
  });

  it('says no size that it was not told', () => {
    assert.equal('size' in streamContent(chunks()), false);
  });

  for (const options of [{ from: 1 }, { to: 2 }]) {
    it(`is not read in part: ${JSON.stringify(options)}`, async () => {
      const content = streamContent(chunks('abc'));
      await failsWith(textOf(content, options), 'INVALID_OPTION');
      assert.equal(await textOf(content), 'abc', 'the refusal has not used it up');
    });
  }

  it('ends with the signal between two chunks and lets its source go', async () => {
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

describe('mapped content', () => {
  it('passes every opening through the pipe, with its options', async () => {
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

  it('is one-shot and of unknown size where its source is', async () => {
    const mapped = mapContent(streamContent(chunks('a')), (source) => source);
    assert.equal(mapped.replayable, false);
    assert.equal('size' in mapped, false);
    assert.equal(await textOf(mapped), 'a');
    await failsWith(textOf(mapped), 'INVALID_OPTION');
  });

  it('passes what is read unchecked through the pipe, too', async () => {
    const upper = mapContent(
      { ...letters(), unchecked: bytesContent(new TextEncoder().encode('abc')) },
      async function* (source) {
        for await (const chunk of source) yield chunk.map((byte) => byte - 32);
      },
    );
    assert.equal(await textOf(upper.unchecked ?? letters()), 'ABC');
  });
});
