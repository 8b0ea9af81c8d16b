import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDuration } from './duration.ts';

describe('parseDuration', () => {
  const rows: readonly [text: string, milliseconds: number][] = [
    ['0', 0],
    ['00', 0],
    ['0h', 0],
    ['250ms', 250],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ];
  for (const [text, milliseconds] of rows) {
    it(`${text} is ${milliseconds} ms`, () => assert.equal(parseDuration(text, 'grace'), milliseconds));
  }

  for (const text of ['', '5', '-1', '1.5h', '1 h', '1w', 'h', '1h30m', '99999999999']) {
    it(`${JSON.stringify(text)} is no duration`, () =>
      assert.throws(() => parseDuration(text, 'grace'), { code: 'INVALID_OPTION' }));
  }
});
