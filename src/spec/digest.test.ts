import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { computableAlgorithm, digestAlgorithm, digestEncoded, isDigest, parseDigest } from './digest.ts';

const hex64 = 'a3'.repeat(32);
const hex128 = '0f'.repeat(64);

describe('parseDigest', () => {
  const good = [
    ['sha256', `sha256:${hex64}`],
    ['sha512', `sha512:${hex128}`],
    ['blake3, which parses although gantry cannot compute it', `blake3:${hex64}`],
    ['an unregistered algorithm', 'multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8'],
    ['an algorithm named like a member of every object', 'constructor:a'],
    ['every separator in an algorithm', 'a+b.c_d-e:A=_-'],
  ] as const;
  for (const [name, text] of good) {
    test(`parseDigest accepts ${name}`, () => {
      const digest = parseDigest(text);
      assert.equal(digest, text);
      assert.equal(`${digestAlgorithm(digest)}:${digestEncoded(digest)}`, text);
    });
  }

  const bad = [
    ['nothing', ''],
    ['no algorithm', `:${hex64}`],
    ['no encoded part', 'sha256:'],
    ['no colon', `sha256${hex64}`],
    ['a sha256 that is too short', `sha256:${hex64.slice(1)}`],
    ['a sha256 that is too long', `sha256:${hex64}0`],
    ['a sha256 in upper case', `sha256:${hex64.toUpperCase()}`],
    ['a sha256 that is not hex', `sha256:${'g'.repeat(64)}`],
    ['a sha512 of the length of a sha256', `sha512:${hex64}`],
    ['an algorithm in upper case', `SHA256:${hex64}`],
    ['a separator at the end of the algorithm', `sha256+:${hex64}`],
    ['a path in the encoded part', 'other:../../etc/passwd'],
    ['a second colon', `sha256:${hex64}:x`],
    ['a line break at the end', `sha256:${hex64}\n`],
    ['a percent sign', 'other:%2e%2e'],
    ['more than 255 characters', `other:${'a'.repeat(255)}`],
  ] as const;
  for (const [name, text] of bad) {
    test(`parseDigest refuses ${name}`, () => {
      assert.equal(isDigest(text), false);
      assert.throws(() => parseDigest(text), { code: 'INVALID_DIGEST' });
    });
  }

  test('parseDigest throws only INVALID_DIGEST, and its digests are safe in a path', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map((s) => `sha256:${s}`),
        ),
        (text) => {
          if (isDigest(text)) assert.match(text, /^[a-zA-Z0-9+._=:-]+$/);
          else assert.throws(() => parseDigest(text), { code: 'INVALID_DIGEST' });
        },
      ),
    );
  });
});

describe('computableAlgorithm', () => {
  test('computableAlgorithm returns sha256 and sha512', () => {
    assert.equal(computableAlgorithm(parseDigest(`sha256:${hex64}`)), 'sha256');
    assert.equal(computableAlgorithm(parseDigest(`sha512:${hex128}`)), 'sha512');
  });

  test('computableAlgorithm refuses every other algorithm', () => {
    const digest = parseDigest(`blake3:${hex64}`);
    assert.throws(() => computableAlgorithm(digest), { code: 'UNSUPPORTED', operation: 'digest' });
  });
});
