import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDigest } from '../spec/digest.ts';
import { fullDigest, fullRepository, fullTag } from './full-name.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);

describe('fullDigest, fullTag and fullRepository', () => {
  it('full names use index.docker.io for Docker Hub', () => {
    assert.equal(fullDigest('alpine:3', digest), `index.docker.io/library/alpine@${digest}`);
    assert.equal(fullTag('alpine', '3'), 'index.docker.io/library/alpine:3');
    assert.equal(fullRepository('docker.io', 'a/b'), 'index.docker.io/a/b');
  });

  it('full names of other registries are unchanged', () => {
    assert.equal(fullDigest('http://localhost:5000/a:1', digest), `localhost:5000/a@${digest}`);
    assert.equal(fullTag('localhost:5000/a', '3'), 'localhost:5000/a:3');
    assert.equal(fullRepository('localhost:5000', 'a/b'), 'localhost:5000/a/b');
  });
});
