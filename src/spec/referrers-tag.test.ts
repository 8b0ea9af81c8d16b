import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDigest } from './digest.ts';
import { isTag } from './reference.ts';
import { referrersTag } from './referrers-tag.ts';

describe('referrersTag', () => {
  const rows = [
    ['joins the two parts of a sha256', `sha256:${'a'.repeat(64)}`, `sha256-${'a'.repeat(64)}`],
    ['cuts a sha512 to 64 characters', `sha512:${'b'.repeat(128)}`, `sha512-${'b'.repeat(64)}`],
    ['cuts a long algorithm to 32', `${'x'.repeat(40)}:y`, `${'x'.repeat(32)}-y`],
    ['replaces what a tag may not hold', 'a+b:c=d', 'a-b-c-d'],
  ] as const;
  for (const [name, digest, tag] of rows) {
    test(name, () => {
      assert.equal(referrersTag(parseDigest(digest)), tag);
      assert.ok(isTag(tag));
    });
  }
});
