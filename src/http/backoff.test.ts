import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResponseError } from '../errors.ts';
import { createBackoff, defaultLayerRetry, type RetryOptions } from './backoff.ts';

const busy = new ResponseError('UNEXPECTED_STATUS', 'busy', {
  response: { method: 'GET', url: 'http://h/', status: 503, errors: [] },
});

function refusedFor(retryAfter: number): ResponseError {
  return new ResponseError('TOOMANYREQUESTS', 'busy', {
    response: { method: 'PUT', url: 'http://h/', status: 429, errors: [], retryAfter },
  });
}

function waitsOf(options: RetryOptions): readonly number[] {
  const backoff = createBackoff(options);
  const waits: number[] = [];
  for (let wait = backoff.plan(busy); wait !== undefined; wait = backoff.plan(busy))
    waits.push(Math.round(wait));
  return waits;
}

const rows: readonly [name: string, options: RetryOptions, waits: readonly number[]][] = [
  // id: retry-defaults
  ['makes three attempts by default, the first wait 1 s, tripled each time', {}, [1000, 3000]],
  [
    // id: layer-retry-defaults
    'makes five attempts for a layer, the first wait 2 s, doubled each time',
    defaultLayerRetry,
    [2000, 4000, 8000, 16_000],
  ],
  ['makes only one attempt with attempts: 1', { attempts: 1 }, []],
  [
    'follows the options for attempts, first wait and factor',
    { attempts: 4, initial: 10, factor: 10 },
    [10, 100, 1000],
  ],
  ['waits no longer than the cap', { attempts: 4, cap: 2000 }, [1000, 2000, 2000]],
  ['adds the random part that the jitter option allows', { random: () => 0.5, jitter: 0.2 }, [1100, 3300]],
  ['adds a random tenth by default', { random: () => 0.5 }, [1050, 3150]],
];

describe('createBackoff', () => {
  for (const [name, options, waits] of rows) {
    it(`createBackoff ${name}`, () => assert.deepEqual(waitsOf({ random: () => 0, ...options }), waits));
  }

  it('createBackoff counts attempts from the start after progress', () => {
    const backoff = createBackoff({ attempts: 2, random: () => 0 });
    assert.equal(backoff.plan(busy), 1000);
    assert.equal(backoff.plan(busy), undefined);
    backoff.reset();
    assert.equal(backoff.plan(busy), 1000);
  });

  it('createBackoff waits as long as Retry-After asks, and takes a wait beyond the cap as final', () => {
    const backoff = createBackoff({ attempts: 4, random: () => 0, cap: 5000 });
    assert.equal(backoff.plan(busy, 4000), 4000);
    assert.equal(backoff.plan(refusedFor(4500)), 4500);
    assert.equal(backoff.plan(busy, 5001), undefined);
    assert.equal(backoff.plan(refusedFor(5001)), undefined);
  });
});
