import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parsePlatform } from './platform.ts';
import {
  formatPlatformPattern,
  isSamePlatform,
  matchesPattern,
  parsePlatformPattern,
} from './platform-pattern.ts';

const word = fc.constantFrom('linux', 'windows', 'arm64', 'amd64', 'v8', '10.0.17763');

function same(one: string, other: string): boolean {
  return isSamePlatform(parsePlatform(one), parsePlatform(other));
}

describe('parts of a platform', () => {
  it('parsePlatformPattern and formatPlatformPattern are inverse, and take every platform', () => {
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), fc.option(word), (parts, version) => {
        const text = `${parts.join('/')}${version === null ? '' : `:${version}`}`;
        assert.equal(formatPlatformPattern(parsePlatformPattern(text)), text);
      }),
    );
  });

  for (const text of ['', '/', 'linux/', 'linux//v8', 'a/b/c/d', 'linux/amd64,linux/arm64']) {
    it(`"${text}" is refused`, () => {
      assert.throws(() => parsePlatformPattern(text), { code: 'INVALID_OPTION' });
    });
  }

  const rows: readonly (readonly [have: string, pattern: string, fits: boolean])[] = [
    ['linux/amd64', 'linux', true],
    ['linux/amd64', 'windows', false],
    ['linux/arm64/v8', 'linux/arm64', true],
    ['linux/arm64', 'linux/arm64/v8', true],
    ['linux/aarch64', 'linux/arm64', true],
    ['linux/arm/v6', 'linux/arm', true],
    ['linux/arm/v6', 'linux/arm/v7', false],
    ['linux/amd64/v3', 'linux/amd64/v2', false],
    ['windows/amd64:10.0.17763.1', 'windows/amd64:10.0.17763', true],
    ['windows/amd64:10.0.177630', 'windows/amd64:10.0.17763', false],
    ['windows/amd64', 'windows/amd64:10.0.17763', false],
  ];
  for (const [have, pattern, fits] of rows) {
    it(`${pattern} ${fits ? 'matches' : 'does not match'} ${have}`, () => {
      assert.equal(matchesPattern(parsePlatform(have), parsePlatformPattern(pattern)), fits);
    });
  }

  it('a feature of a pattern has to be there', () => {
    const have = { os: 'windows', architecture: 'amd64', 'os.features': ['win32k', 'x'] };
    assert.equal(matchesPattern(have, { 'os.features': ['x'] }), true);
    assert.equal(matchesPattern(have, { 'os.features': ['y'] }), false);
  });

  it('two spellings are one platform, and another variant, version or feature is another one', () => {
    assert.ok(same('linux/arm64', 'linux/aarch64/v8') && same('linux/amd64', 'linux/x86_64/v1'));
    assert.ok(!same('linux/amd64', 'linux/amd64/v2') && !same('windows/amd64', 'windows/amd64:10.0'));
    const plain = parsePlatform('linux/amd64');
    assert.equal(
      isSamePlatform({ ...plain, 'os.features': ['b', 'a'] }, { ...plain, 'os.features': ['a', 'b'] }),
      true,
    );
    assert.equal(isSamePlatform({ ...plain, 'os.features': ['a'] }, plain), false);
    assert.equal(isSamePlatform(undefined, plain), false);
  });
});
