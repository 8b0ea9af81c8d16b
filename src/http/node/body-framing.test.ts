import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedAnswer } from '../failure.ts';
import { framingOf, keepsConnection, keptFor } from './body-framing.ts';
import { parseResponseHead, type ResponseHead } from './response-head.ts';

function head(lines: readonly string[], { status = 200, minor = 1 } = {}): ResponseHead {
  return parseResponseHead([`HTTP/1.${minor} ${status} x`, ...lines].join('\r\n'));
}

describe('framingOf', () => {
  const chunked = 'Transfer-Encoding: Chunked';
  for (const [name, framing, method, given] of [
    ['a length', { kind: 'length', length: 12 }, 'GET', head(['Content-Length: 12'])],
    ['chunks', { kind: 'chunked' }, 'GET', head([chunked])],
    ['nothing that says its end', { kind: 'close' }, 'GET', head([])],
    ['a HEAD', { kind: 'length', length: 0 }, 'HEAD', head(['Content-Length: 12'])],
    ['a HEAD in chunks', { kind: 'length', length: 0 }, 'HEAD', head([chunked])],
    ['a 204', { kind: 'length', length: 0 }, 'GET', head([], { status: 204 })],
    ['a 304', { kind: 'length', length: 0 }, 'GET', head(['Content-Length: 5'], { status: 304 })],
  ] as const) {
    it(`the body of an answer with ${name} is framed as ${framing.kind}`, () => {
      assert.deepEqual(framingOf(method, given), framing);
    });
  }

  for (const [name, given] of [
    ['a length and chunks', head(['Content-Length: 1', chunked])],
    ['two lengths', head(['Content-Length: 1', 'Content-Length: 1'])],
    ['a list of lengths', head(['Content-Length: 1, 1'])],
    ['a negative length', head(['Content-Length: -1'])],
    ['a length in hexadecimal', head(['Content-Length: 0x10'])],
    ['a length with a sign', head(['Content-Length: +1'])],
    ['an empty length', head(['Content-Length:'])],
    ['a length beyond 2^53', head(['Content-Length: 9007199254740993'])],
    ['another transfer encoding', head(['Transfer-Encoding: gzip, chunked'])],
    ['two transfer encodings', head([chunked, chunked])],
    ['an unknown transfer encoding', head(['Transfer-Encoding: xchunked'])],
    ['chunks in HTTP/1.0', head([chunked], { minor: 0 })],
  ] as const) {
    it(`an answer with ${name} is refused, for HEAD, too`, () => {
      for (const method of ['GET', 'HEAD']) assert.throws(() => framingOf(method, given), MalformedAnswer);
    });
  }
});

describe('a connection after an answer', () => {
  for (const [keeps, lines, minor] of [
    [true, [], 1],
    [true, ['Connection: keep-alive'], 1],
    [false, ['Connection: close'], 1],
    [false, ['Connection: x , Close'], 1],
    [false, ['Connection: keep-alive', 'Connection: close'], 1],
    [true, ['Connection: closed'], 1],
    [false, [], 0],
    [true, ['Connection: Keep-Alive'], 0],
  ] as const) {
    it(`a connection is ${keeps ? 'kept' : 'closed'} after HTTP/1.${minor} with ${lines.join(' and ') || 'no header'}`, () => {
      assert.equal(keepsConnection(head(lines, { minor })), keeps);
    });
  }

  it('keptFor reads the time that a server keeps an idle connection', () => {
    assert.equal(keptFor(head(['Keep-Alive: timeout=5, max=100'])), 5000);
    assert.equal(keptFor(head(['Keep-Alive: max=100, timeout=60'])), 60_000);
    for (const lines of [
      [],
      ['Keep-Alive: max=5'],
      ['Keep-Alive: timeout=soon'],
      ['Keep-Alive: xtimeout=5'],
    ]) {
      assert.equal(keptFor(head(lines)), undefined);
    }
  });
});
