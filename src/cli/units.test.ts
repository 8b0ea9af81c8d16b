import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatBytes, formatSeconds } from './units.ts';

describe('amounts as people read them', () => {
  for (const [bytes, expected] of [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1024, '1.00 KiB'],
    [1536, '1.50 KiB'],
    [10 * 1024, '10.0 KiB'],
    [99.96 * 1024, '100 KiB'],
    [999.6 * 1024, '0.98 MiB'],
    [5 * 1024 ** 3, '5.00 GiB'],
    [Number.MAX_SAFE_INTEGER, '8.00 PiB'],
  ] as const) {
    it(`${bytes} bytes are ${expected}`, () => assert.equal(formatBytes(bytes), expected));
  }

  for (const [seconds, expected] of [
    [-1, '0.0s'],
    [0.42, '0.4s'],
    [9.96, '10s'],
    [59.9, '1m00s'],
    [185, '3m05s'],
    [7620, '2h07m'],
  ] as const) {
    it(`${seconds} seconds are ${expected}`, () => assert.equal(formatSeconds(seconds), expected));
  }
});
