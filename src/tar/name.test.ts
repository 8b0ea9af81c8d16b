import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import { resolveLink, safeName } from './name.ts';

describe('safeName', () => {
  for (const [name, wanted] of [
    ['a/b', 'a/b'],
    ['./a//b/', 'a/b'],
    ['./', '.'],
    ['..a/b..', '..a/b..'],
  ] as const) {
    it(`safeName reads ${name} as ${wanted}`, () => {
      assert.equal(safeName(name, 'tar'), wanted);
    });
  }

  for (const name of ['', '/a', '..', 'a/..', 'a/../b', 'a\0b']) {
    it(`safeName refuses ${JSON.stringify(name)}`, () => {
      assert.throws(
        () => safeName(name, 'tar'),
        (error) => isGantryError(error, 'MANIFEST_INVALID'),
      );
    });
  }
});

describe('resolveLink', () => {
  for (const [name, link, wanted] of [
    ['a/layer.tar', '../b/layer.tar', 'b/layer.tar'],
    ['a/layer.tar', './other.tar', 'a/other.tar'],
    ['layer.tar', 'x', 'x'],
  ] as const) {
    it(`resolveLink follows ${name} -> ${link}`, () => {
      assert.equal(resolveLink(name, link, 'tar'), wanted);
    });
  }

  for (const [name, link] of [
    ['a', '../b'],
    ['a/b', './../../c'],
    ['a', '/etc/passwd'],
    ['a', ''],
  ] as const) {
    it(`resolveLink refuses ${name} -> ${JSON.stringify(link)}`, () => {
      assert.throws(
        () => resolveLink(name, link, 'tar'),
        (error) => isGantryError(error, 'MANIFEST_INVALID'),
      );
    });
  }
});
