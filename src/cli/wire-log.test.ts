import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WireEvent } from '../http/event.ts';
import { wireLines } from './wire-log.ts';

const about = { id: 1, method: 'GET', url: 'https://r/v2/' };

describe('wireLines', () => {
  for (const [name, event, expected] of [
    [
      'shows a request with each header line',
      { kind: 'request', ...about, headers: { accept: ['a', 'b'] } },
      ['--> GET https://r/v2/', '    accept: a', '    accept: b'],
    ],
    [
      'shows an answer',
      { kind: 'response', ...about, status: 200, headers: {}, milliseconds: 1.6 },
      ['<-- 200 GET https://r/v2/ (2 ms)'],
    ],
    [
      'shows a failure',
      { kind: 'failure', ...about, error: 'cut', milliseconds: 1 },
      ['<-- GET https://r/v2/: cut'],
    ],
    [
      'shows a retry',
      { kind: 'retry', ...about, attempt: 1, maxAttempts: 3, nextRetryIn: 1100, error: 'busy' },
      ['retry of GET https://r/v2/ in 1.1 s (attempt 1 of 3): busy'],
    ],
    [
      'shows the limit of a host with its window',
      { kind: 'ratelimit', host: 'r', limit: 100, remaining: 76, window: 21600 },
      ['limit of r: 76 of 100 left in 21600 s'],
    ],
    [
      'shows the limit of a host without a window',
      { kind: 'ratelimit', host: 'r', limit: 100, remaining: 0 },
      ['limit of r: 0 of 100 left'],
    ],
    ['leaves warnings to the caller', { kind: 'warning', host: 'r', text: 'old' }, []],
  ] as const satisfies readonly (readonly [string, WireEvent, readonly string[]])[]) {
    it(`the wire log ${name}`, () => assert.deepEqual(wireLines(event), expected));
  }
});
