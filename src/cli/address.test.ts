import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { parseListenAddress } from './address.ts';

describe('parseListenAddress', () => {
  for (const [name, text, expected] of [
    ['is a host and a port', 'localhost:5000', { host: 'localhost', port: 5000 }],
    ['is an IPv4 address and a port', '0.0.0.0:80', { host: '0.0.0.0', port: 80 }],
    ['is an IPv6 address in brackets and a port', '[::1]:5000', { host: '::1', port: 5000 }],
    ['without a host means every address', ':5000', { host: '::', port: 5000 }],
    ['is a port alone', '0', { port: 0 }],
  ] as const) {
    it(`an address to listen on ${name}: ${text}`, () =>
      assert.deepEqual(
        [parseListenAddress(text), parseListenAddress(undefined, text)],
        [expected, expected],
      ));
  }

  for (const text of ['', 'localhost', 'localhost:', 'localhost:http', ':65536', '::1:5000', '-1', '1.5']) {
    it(`parseAddress refuses "${text}"`, () => {
      assert.throws(
        () => parseListenAddress(text),
        (error) => isGantryError(error, 'INVALID_OPTION') && error.message.startsWith('--address takes '),
      );
    });
  }

  it('an address without an option comes from PORT, and without both the port is a free one', () => {
    assert.deepEqual(parseListenAddress(undefined, ':80'), { host: '::', port: 80 });
    assert.deepEqual(
      [parseListenAddress(undefined), parseListenAddress(undefined, '')],
      [{ port: 0 }, { port: 0 }],
    );
    assert.throws(
      () => parseListenAddress(undefined, 'web'),
      (error) => isGantryError(error, 'INVALID_OPTION') && error.message.startsWith('PORT takes '),
    );
  });
});
