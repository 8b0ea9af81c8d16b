import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedAnswer } from '../failure.ts';
import { createHeadBuffer } from './head-buffer.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const text = (chunk: Uint8Array): string => Buffer.from(chunk).toString('latin1');

function line(length: number): string {
  return `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(length - 20)}`;
}

describe('createHeadBuffer', () => {
  const head = 'HTTP/1.1 200 OK\r\nA: \xe9\r\r\nB: \r\n';

  it('a head is returned when its empty line has arrived, however small the pieces are', () => {
    for (const size of [1, 2, 3, 5, 1000]) {
      const buffer = createHeadBuffer();
      const sent = `${head}\r\nbody`;
      let [found, rest] = ['', ''];
      for (let from = 0; from < sent.length; from += size) {
        const piece = bytes(sent.slice(from, from + size));
        if (found !== '') {
          rest += text(piece);
          continue;
        }
        const complete = buffer.add(piece);
        // A connection reuses the memory of a piece.
        if (complete === undefined) piece.fill(0);
        found = complete?.text ?? '';
        rest = text(complete?.rest ?? bytes(''));
      }
      assert.equal(`${found}\r\n`, head);
      assert.equal(rest, 'body');
    }
  });

  it('a second head is found in the rest of the first', () => {
    const buffer = createHeadBuffer();
    assert.equal(buffer.add(bytes('HTTP/1.1 10')), undefined);
    const first = buffer.add(bytes('0 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nx'));
    assert.equal(first?.text, 'HTTP/1.1 100 Continue');
    const second = buffer.add(first?.rest ?? bytes(''));
    assert.deepEqual([second?.text, text(second?.rest ?? bytes(''))], ['HTTP/1.1 200 OK', 'x']);
  });

  it('hasPart tells whether a part of a head has arrived', () => {
    const buffer = createHeadBuffer();
    assert.equal(buffer.hasPart, false);
    buffer.add(bytes('H'));
    assert.equal(buffer.hasPart, true);
  });

  it('the first byte of another protocol is refused', () => {
    for (const start of ['\x15\x03\x01', 'SSH-2.0', 'HTTP/2', 'http/1.1', '\r\nHTTP/1.1 200 OK']) {
      assert.throws(() => createHeadBuffer().add(bytes(start)), MalformedAnswer);
    }
  });

  it('a head of 128 KiB is accepted, and a longer one is refused in pieces of any size', () => {
    assert.equal(createHeadBuffer().add(bytes(`${line(128 * 1024)}\r\n\r\n`))?.text.length, 128 * 1024);
    for (const size of [100, 64 * 1024, 1 << 20]) {
      const long = bytes(`${line(129 * 1024)}\r\n\r\n`);
      const buffer = createHeadBuffer();
      assert.throws(() => {
        for (let from = 0; from < long.byteLength; from += size) buffer.add(long.subarray(from, from + size));
      }, MalformedAnswer);
    }
  });

  it('a head in single bytes takes linear time', () => {
    const buffer = createHeadBuffer();
    const long = bytes(`HTTP/1.1 200 OK\r\nA: ${'\r'.repeat(100_000)}\r\n\r\n`);
    for (let at = 0; at < long.byteLength - 1; at++) buffer.add(long.subarray(at, at + 1));
    assert.equal(buffer.add(bytes('\n'))?.rest.byteLength, 0);
  });
});
