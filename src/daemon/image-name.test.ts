import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { parseReference } from '../spec/reference.ts';
import { familiarName, namesOfImage, nameToLoad } from './image-name.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('names of images in a docker daemon', () => {
  for (const [text, familiar] of [
    ['alpine', 'alpine:latest'],
    ['docker.io/library/alpine:3', 'alpine:3'],
    ['index.docker.io/acme/app:1', 'acme/app:1'],
    ['ghcr.io/acme/app:1', 'ghcr.io/acme/app:1'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    [`alpine@${digest}`, `alpine@${digest}`],
  ] as const) {
    it(`${text} is ${familiar} in docker's own spelling.`, () => {
      assert.equal(familiarName(parseReference(text)), familiar);
    });
  }

  it('A text of hexadecimal digits is a name first, and then an ID.', () => {
    assert.deepEqual(namesOfImage('0123abcd'), ['0123abcd:latest', '0123abcd']);
    assert.deepEqual(namesOfImage(digest), [digest]);
    assert.deepEqual(namesOfImage('a'.repeat(64)), ['a'.repeat(64)]);
    assert.deepEqual(namesOfImage('alpine:3'), ['alpine:3']);
  });

  it('An image is loaded under a name with a tag only.', () => {
    assert.equal(nameToLoad('alpine').tag, 'latest');
    assert.equal(nameToLoad(`alpine:3@${digest}`).digest, digest);
    for (const text of [digest, 'a'.repeat(64), `alpine@${digest}`])
      assert.throws(
        () => nameToLoad(text),
        (error) => isGantryError(error, 'INVALID_REFERENCE'),
      );
  });
});
