import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { standingClock } from '../../../test/server/access-stage.ts';
import { createLoginThrottle } from './login-throttle.ts';

describe('a login throttle', () => {
  it('a login throttle remembers only the last 10,000 keys', () => {
    const throttle = createLoginThrottle({ free: 1, clock: standingClock() });
    throttle.failed('first');
    for (let at = 0; at < 10_000; at++) throttle.failed(`key-${at}`);
    assert.equal(throttle.delay('first'), 0);
    assert.equal(throttle.delay('key-0'), 250);
  });
});
