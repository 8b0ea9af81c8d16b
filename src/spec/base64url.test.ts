import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { fromBase64Url, toBase64Url } from './base64url.ts';

describe('base64url', () => {
  it('fromBase64Url returns the encoded bytes, and toBase64Url writes the text that Node writes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = toBase64Url(bytes);
        assert.equal(text, Buffer.from(bytes).toString('base64url'));
        assert.deepEqual(fromBase64Url(text), new Uint8Array(bytes));
      }),
    );
  });

  for (const [name, text] of [
    ['padding', 'YQ=='],
    ['the characters of base64 that are reserved in URLs', '+/+/'],
    ['bits beyond the last byte', 'YR'],
    ['an impossible length', 'YWJjZ'],
    ['a blank', 'YW Jj'],
  ] as const) {
    it(`a text with ${name} is no base64url`, () => assert.equal(fromBase64Url(text), undefined));
  }
});
