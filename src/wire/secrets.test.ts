import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSecrets } from './secrets.ts';

describe('the secrets of a line', () => {
  it('a later secret appears in the list, and a repeated one stays once', () => {
    const secrets = createSecrets(['header']);
    const { all } = secrets;
    secrets.add(['password', 'one']);
    secrets.add(['two', 'password']);
    assert.deepEqual(all, ['header', 'one', 'two', 'password']);
  });

  it('the list forgets the secrets that were not used for the longest time, and no kept one', () => {
    const secrets = createSecrets(['header']);
    for (let token = 0; token < 1000; token++) secrets.add([`token ${token}`, 'password']);
    assert.equal(secrets.all.length, 101);
    assert.deepEqual(secrets.all.slice(0, 2), ['header', 'token 901']);
    assert.deepEqual(secrets.all.slice(-2), ['token 999', 'password']);
  });
});
