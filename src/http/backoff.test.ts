import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ResponseError } from '../errors.ts';
import { createBackoff, defaultLayerRetry, type RetryOptions } from './backoff.ts';

const busy = new ResponseError('UNEXPECTED_STATUS', 'busy', {
  response: { method: 'GET', url: 'http://h/', status: 503, errors: [] },
});

function waitsOf(options: RetryOptions): readonly number[] {
  const backoff = createBackoff(options);
  const waits: number[] = [];
  for (let wait = backoff.plan(busy); wait !== undefined; wait = backoff.plan(busy))
    waits.push(Math.round(wait));
  return waits;
}

const rows: readonly [name: string, options: RetryOptions, waits: readonly number[]][] = [
  ['are three, from 1 s tripling', {}, [1000, 3000]],
  ['are five for a layer, from 2 s doubling', defaultLayerRetry, [2000, 4000, 8000, 16_000]],
  ['may be one', { attempts: 1 }, []],
  ['go as the options say', { attempts: 4, initial: 10, factor: 10 }, [10, 100, 1000]],
  ['wait no longer than the cap', { attempts: 4, cap: 2000 }, [1000, 2000, 2000]],
  ['are spread by the jitter', { random: () => 0.5, jitter: 0.2 }, [1100, 3300]],
  ['are spread by a tenth', { random: () => 0.5 }, [1050, 3150]],
];

describe('attempts', () => {
  for (const [name, options, waits] of rows) {
    it(name, () => assert.deepEqual(waitsOf({ random: () => 0, ...options }), waits));
  }

  it('begin again after progress', () => {
    const backoff = createBackoff({ attempts: 2, random: () => 0 });
    assert.equal(backoff.plan(busy), 1000);
    assert.equal(backoff.plan(busy), undefined);
    backoff.reset();
    assert.equal(backoff.plan(busy), 1000);
  });

  it('wait for as long as the far side asks, up to the cap', () => {
    const backoff = createBackoff({ attempts: 3, random: () => 0, cap: 5000 });
    assert.equal(backoff.plan(busy, 4000), 4000);
    assert.equal(backoff.plan(busy, 9000), 5000);
  });
});
