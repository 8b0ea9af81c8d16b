import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent, streamContent } from '../../flow/content.ts';
import type { HttpRequest } from '../../wire/message.ts';
import { formatRequestHead } from './request-head.ts';

const options = { requestTarget: '/v2/', host: 'r.example:5000', more: {} };

function request(more: Partial<HttpRequest>): HttpRequest {
  return { method: 'GET', url: 'http://r.example:5000/v2/', headers: {}, replay: 'safe', ...more };
}

function linesOf(more: Partial<HttpRequest>): readonly string[] {
  return formatRequestHead(request(more), options).head.split('\r\n');
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

describe('formatRequestHead', () => {
  it('the head has the request line, Host, all header lines and an empty line', () => {
    assert.deepEqual(linesOf({ headers: { 'x-a': ['1', '2'] } }), [
      'GET /v2/ HTTP/1.1',
      'Host: r.example:5000',
      'x-a: 1',
      'x-a: 2',
      'Connection: keep-alive',
      '',
      '',
    ]);
  });

  for (const [name, more, line] of [
    ['a body of known size', { method: 'PUT', body: bytesContent(new Uint8Array(3)) }, 'Content-Length: 3'],
    [
      'a body of unknown size',
      { method: 'PUT', body: streamContent(nothing()) },
      'Transfer-Encoding: chunked',
    ],
    ['a PUT without a body', { method: 'PUT' }, 'Content-Length: 0'],
    [
      'a POST whose headers say the length',
      { method: 'POST', headers: { 'content-length': ['0'] } },
      'content-length: 0',
    ],
  ] as const) {
    it(`the head of ${name} has ${line}, and no other length`, () => {
      const lengths = linesOf(more).filter((text) => /^(content-length|transfer-encoding):/i.test(text));
      assert.deepEqual(lengths, [line]);
    });
  }

  it('the head of a GET, HEAD or DELETE has no length', () => {
    for (const method of ['GET', 'HEAD', 'DELETE']) {
      assert.equal(
        linesOf({ method }).some((text) => /length|encoding/i.test(text)),
        false,
      );
    }
  });

  for (const [name, headers] of [
    ['a line end in a value', { 'x-a': ['1\r\nx-b: 2'] }],
    ['a line feed in a value', { 'x-a': ['1\n'] }],
    ['a zero byte in a value', { 'x-a': ['\0'] }],
    ['a character beyond Latin-1 in a value', { 'x-a': ['\u{1f600}'] }],
    ['a blank in a name', { 'x a': ['1'] }],
    ['an empty name', { '': ['1'] }],
  ] as const) {
    it(`a header with ${name} is INVALID_OPTION and is not sent`, () => {
      assert.throws(() => linesOf({ headers }), { code: 'INVALID_OPTION' });
    });
  }
});
