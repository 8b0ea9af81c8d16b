import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { fromBase64Url, toBase64Url } from './base64url.ts';

describe('base64url', () => {
  it('brings back the bytes that it was made of, as every other program does', () => {
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
    ['the signs of base64 that URLs keep for themselves', '+/+/'],
    ['bits that no byte has', 'YR'],
    ['a length that no bytes have', 'YWJjZ'],
    ['a blank', 'YW Jj'],
  ] as const) {
    it(`is nothing with ${name}`, () => assert.equal(fromBase64Url(text), undefined));
  }
});
