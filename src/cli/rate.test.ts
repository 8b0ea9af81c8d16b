import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRate } from './rate.ts';

describe('parseRate', () => {
  for (const [text, rate] of [
    ['10M', 10 * 1024 * 1024],
    ['1.5M', 1.5 * 1024 * 1024],
    ['500k', 500 * 1024],
    ['500K', 500 * 1024],
    ['2g', 2 * 1024 ** 3],
    ['1K', 1024],
    ['1024', 1024],
    ['123456', 123_456],
  ] as const) {
    it(`parseRate reads ${text}`, () => assert.equal(parseRate(text, 'limit-rate'), rate));
  }

  for (const text of [
    '',
    '0',
    '0M',
    '-1',
    '-5M',
    '+5M',
    '1',
    '1023',
    '0.5K',
    '10 M',
    ' 10M',
    '10MB',
    '10Mbps',
    '10MiB/s',
    '1e6',
    '0x10',
    '1,5M',
    '.5M',
    '1.M',
    '1.2.3M',
    '10T',
    'M',
    'fast',
    'NaN',
    'Infinity',
    '9'.repeat(20),
  ]) {
    it(`parseRate refuses "${text}"`, () =>
      assert.throws(() => parseRate(text, 'limit-rate'), { code: 'INVALID_OPTION' }));
  }
});
