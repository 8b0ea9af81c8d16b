import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDigest } from './digest.ts';
import { isTag } from './reference.ts';
import { cosignTags, isCosignTag, isReferrersTag, referrersTag } from './referrers-tag.ts';

describe('referrersTag', () => {
  const rows = [
    ['joins the two parts of a sha256', `sha256:${'a'.repeat(64)}`, `sha256-${'a'.repeat(64)}`],
    ['cuts a sha512 to 64 characters', `sha512:${'b'.repeat(128)}`, `sha512-${'b'.repeat(64)}`],
    ['cuts a long algorithm to 32', `${'x'.repeat(40)}:y`, `${'x'.repeat(32)}-y`],
    ['replaces characters that a tag may not contain', 'a+b:c=d', 'a-b-c-d'],
  ] as const;
  for (const [name, digest, tag] of rows) {
    test(`referrersTag ${name}`, () => {
      assert.equal(referrersTag(parseDigest(digest)), tag);
      assert.ok(isTag(tag));
    });
  }
});

test('isReferrersTag and isCosignTag recognise their tags by the form', () => {
  const list = referrersTag(parseDigest(`sha256:${'0a'.repeat(32)}`));
  const cosign = cosignTags(parseDigest(`sha256:${'0a'.repeat(32)}`));
  assert.deepEqual(cosign, [`${list}.sig`, `${list}.att`, `${list}.sbom`]);
  assert.ok(cosign.every(isTag) && cosign.every(isCosignTag) && !cosign.some(isReferrersTag));
  assert.ok(isReferrersTag(list) && !isCosignTag(list));
  assert.ok(isReferrersTag(referrersTag(parseDigest(`sha512:${'b'.repeat(128)}`))));
  for (const tag of ['latest', 'sha256-abc', `${list}0`, `${list}.txt`, `v${list}.sig`]) {
    assert.equal(isReferrersTag(tag) || isCosignTag(tag), false, tag);
  }
});
