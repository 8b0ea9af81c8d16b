import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRateLimit } from './rate-limit.ts';

describe('parseRateLimit', () => {
  for (const [name, limit, remaining, expected] of [
    ['ratelimit', '100;w=21600', '76;w=21600', { limit: 100, remaining: 76, window: 21600 }],
    ['ratelimit', '100', '0', { limit: 100, remaining: 0 }],
    ['x-ratelimit', '60', '59', { limit: 60, remaining: 59 }],
    ['ratelimit', '100, 100;w=60', '5', { limit: 100, remaining: 5, window: 60 }],
    ['ratelimit', 'many', '5', undefined],
    ['ratelimit', '100', '-1', undefined],
    ['ratelimit', '', '5', undefined],
    ['other', '100', '5', undefined],
  ] as const) {
    // id: rate-limit-headers
    it(`parseRateLimit ${expected ? 'parses' : 'ignores'} ${name} with limit ${limit || '(empty)'} and remaining ${remaining}`, () =>
      assert.deepEqual(
        parseRateLimit({ [`${name}-limit`]: [limit], [`${name}-remaining`]: [remaining] }),
        expected,
      ));
  }
});
