import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { platforms } from '../../scripts/executables/platforms.ts';
import { projectRoot } from '../../scripts/project.ts';

interface Lockfile {
  readonly packages: Readonly<Record<string, { readonly integrity?: string; readonly resolved?: string }>>;
}

describe('the runtimes of the executable files', () => {
  const { packages }: Lockfile = JSON.parse(
    readFileSync(join(projectRoot(), 'executables', 'package-lock.json'), 'utf8'),
  );

  for (const { name, runtime } of platforms) {
    it(`the lockfile has the hash of the runtime for ${name}, and no address of a registry`, () => {
      const entry = packages[`node_modules/${runtime}`];
      assert.match(entry?.integrity ?? '', /^sha512-/);
      assert.equal(entry?.resolved, undefined);
    });
  }

  it('the lockfile has no other package', () => {
    assert.equal(Object.keys(packages).length, platforms.length + 1);
  });
});
