import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedAnswer } from '../failure.ts';
import { parseResponseHead } from './response-head.ts';

describe('parseResponseHead', () => {
  it('parseResponseHead keeps repeated headers apart, in lower case and without blanks around them', () => {
    const text = 'HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:\t 2 \t\r\nEmpty:\r\nPath: /a:b c';
    assert.deepEqual(parseResponseHead(text), {
      status: 200,
      minor: 1,
      headers: { 'x-a': ['1', '2'], empty: [''], path: ['/a:b c'] },
    });
  });

  for (const line of ['HTTP/1.1 204', 'HTTP/1.0 404 ', 'HTTP/1.1 599 N\xf6 \t~']) {
    it(`parseResponseHead accepts the status line ${JSON.stringify(line)}`, () => {
      assert.equal(parseResponseHead(line).status, Number(line.slice(9, 12)));
    });
  }

  it('parseResponseHead reads a header that is named like a member of every object', () => {
    const { headers } = parseResponseHead('HTTP/1.1 200 OK\r\n__proto__: 1\r\nconstructor: 2');
    assert.deepEqual(Object.entries(headers), [
      ['__proto__', ['1']],
      ['constructor', ['2']],
    ]);
  });

  for (const [name, text] of [
    ['another protocol', 'SSH-2.0-OpenSSH'],
    ['another version', 'HTTP/2 200'],
    ['a status of two digits', 'HTTP/1.1 20 OK'],
    ['a status below 100', 'HTTP/1.1 099 OK'],
    ['two blanks before the status', 'HTTP/1.1  200 OK'],
    ['a control character in the reason', 'HTTP/1.1 200 O\x07K'],
    ['a header without a colon', 'HTTP/1.1 200 OK\r\nnothing'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: 1'],
    ['a blank in the name', 'HTTP/1.1 200 OK\r\nContent-Length : 1'],
    ['a continued line', 'HTTP/1.1 200 OK\r\nX: 1\r\n Content-Length: 1'],
    ['a line feed in a value', 'HTTP/1.1 200 OK\r\nX: 1\nContent-Length: 1'],
    ['a carriage return in a value', 'HTTP/1.1 200 OK\r\nX: 1\rContent-Length: 1'],
    ['a zero byte in a value', 'HTTP/1.1 200 OK\r\nX: \0'],
  ] as const) {
    it(`parseResponseHead refuses ${name}`, () => {
      assert.throws(() => parseResponseHead(text), MalformedAnswer);
    });
  }
});
