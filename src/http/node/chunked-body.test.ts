import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { array, assert as check, integer, property, string } from 'fast-check';
import { MalformedAnswer } from '../failure.ts';
import { createChunkedDecoder } from './chunked-body.ts';

/** Decodes text that arrives in pieces of `size` bytes. Returns the body and the bytes after it. */
function decode(text: string, size: number = text.length): { body: string; after: string; done: boolean } {
  const decoder = createChunkedDecoder();
  let [body, after] = ['', ''];
  for (let from = 0; from < text.length; from += size) {
    let rest = new Uint8Array(Buffer.from(text.slice(from, from + size), 'latin1'));
    while (rest.byteLength > 0) {
      if (decoder.isDone) {
        after += Buffer.from(rest).toString('latin1');
        break;
      }
      const { data, used } = decoder.decode(rest);
      body += Buffer.from(data).toString('latin1');
      rest = rest.subarray(used);
    }
  }
  return { body, after, done: decoder.isDone };
}

describe('createChunkedDecoder', () => {
  it('the decoder joins chunks, and ignores extensions and the trailer', () => {
    const text = '3;a=b\r\nabc\r\n0A \r\n0123456789\r\n000\r\nX-T: 1\r\n\r\nnext';
    for (const size of [1, 2, 3, 7, 100]) {
      assert.deepEqual(decode(text, size), { body: 'abc0123456789', after: 'next', done: true });
    }
  });

  it('the decoder returns the same bytes for any content and any pieces', () => {
    check(
      property(
        array(string({ minLength: 1, maxLength: 40 }).map((text) => text.replace(/[^\x20-\x7e]/g, 'x'))),
        integer({ min: 1, max: 60 }),
        (chunks, size) => {
          const text = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
          assert.deepEqual(decode(`${text}0\r\n\r\n`, size), {
            body: chunks.join(''),
            after: '',
            done: true,
          });
        },
      ),
    );
  });

  it('the decoder is not done before the end of the trailer', () => {
    assert.equal(decode('1\r\na\r\n0\r\n').done, false);
  });

  for (const [name, text] of [
    ['a size that is no number', 'x\r\n'],
    ['a negative size', '-1\r\n'],
    ['a size with a prefix', '0x1\r\na\r\n'],
    ['an empty size', '\r\n'],
    ['a size beyond 2^52', '10000000000000\r\n'],
    ['a chunk that is longer than its size', '1\r\nab\r\n'],
    ['a bare line feed', '1\na\r\n'],
    ['an extension without end', `1;${'a'.repeat(5000)}`],
    ['a trailer without end', `0\r\n${'a: 1234567890\r\n'.repeat(6000)}`],
  ] as const) {
    it(`the decoder refuses ${name}`, () => {
      for (const size of [1, 4096, text.length]) assert.throws(() => decode(text, size), MalformedAnswer);
    });
  }
});
