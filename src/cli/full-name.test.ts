import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDigest } from '../spec/digest.ts';
import { fullDigest, fullRepository, fullTag } from './full-name.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);

describe('whole references, as crane prints them', () => {
  it("have Docker Hub's long name", () => {
    assert.equal(fullDigest('alpine:3', digest), `index.docker.io/library/alpine@${digest}`);
    assert.equal(fullTag('alpine', '3'), 'index.docker.io/library/alpine:3');
    assert.equal(fullRepository('docker.io', 'a/b'), 'index.docker.io/a/b');
  });

  it('are plain elsewhere', () => {
    assert.equal(fullDigest('http://localhost:5000/a:1', digest), `localhost:5000/a@${digest}`);
    assert.equal(fullTag('localhost:5000/a', '3'), 'localhost:5000/a:3');
    assert.equal(fullRepository('localhost:5000', 'a/b'), 'localhost:5000/a/b');
  });
});
