import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { commonVersion, isAtLeast, newestVersion, oldestVersion } from './api-version.ts';

describe('the version of the API', () => {
  it('Versions are compared by number.', () => {
    assert.equal(isAtLeast('1.44', '1.9'), true);
    assert.equal(isAtLeast('1.9', '1.44'), false);
    assert.equal(isAtLeast('2.0', '1.44'), true);
    assert.equal(isAtLeast('1.44', '1.44'), true);
  });

  it('Both sides speak the lower one of their newest versions.', () => {
    assert.equal(commonVersion('1.41', 'a'), '1.41');
    assert.equal(commonVersion('1.99', 'a'), newestVersion);
    assert.equal(commonVersion(undefined, 'a'), oldestVersion);
    assert.equal(commonVersion('nonsense', 'a'), oldestVersion);
    assert.throws(
      () => commonVersion('1.12', 'a'),
      (error) => isGantryError(error, 'UNSUPPORTED'),
    );
  });
});
