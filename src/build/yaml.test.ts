import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { findWorkspace } from './node/workspace.ts';
import { readLockfile } from './sbom/lockfile.ts';

const nested = ['a: &a [1]', ...Array.from('bcdefghi')].map((name, at, all) => {
  const before = all[at - 1]?.charAt(0);
  return before === undefined ? name : `${name}: &${name} [${Array(9).fill(`*${before}`).join(', ')}]`;
});

describe('a file of pnpm', () => {
  for (const [what, text] of [
    ['an open bracket', 'packages: ['],
    ['an alias of nothing', 'packages: *none'],
    ['aliases that multiply', `${nested.join('\n')}\npackages: *i`],
    ['a directive that is none', '%YAML none\n---\npackages: []'],
  ] as const) {
    it(`with ${what} is refused by its name`, async (test) => {
      const root = await folder(test);
      for (const [name, read] of [
        ['pnpm-workspace.yaml', () => findWorkspace(root)],
        ['pnpm-lock.yaml', () => readLockfile(root)],
      ] as const) {
        writeFileSync(join(root, name), text);
        await assert.rejects(read, { code: 'MANIFEST_INVALID', message: `${join(root, name)} is not YAML` });
      }
    });
  }

  it('names the folders of packages, at any depth behind **, and excludes others', async (test) => {
    const root = await folder(test);
    for (const path of [
      'apps/a',
      'libs/b',
      'libs/deep/er/c',
      'libs/old',
      'libs/b/node_modules/d',
      'libs/.e',
      'x',
    ]) {
      mkdirSync(join(root, path), { recursive: true });
      writeFileSync(join(root, path, 'package.json'), '{}');
    }
    const members = async (text: string): Promise<readonly string[]> => {
      writeFileSync(join(root, 'pnpm-workspace.yaml'), text);
      return (await findWorkspace(root)).members;
    };
    assert.deepEqual(await members('packages: [./apps/*/, "libs/**", "!libs/old", 7]'), [
      'apps/a',
      'libs/b',
      'libs/deep/er/c',
    ]);
    // A file with settings alone makes no workspace, and neither does one without content.
    for (const text of ['onlyBuiltDependencies: [a]', '', 'packages: x'])
      assert.deepEqual(await members(text), []);
    const { root: alone } = await findWorkspace(join(root, 'x'));
    assert.equal(alone, join(root, 'x'));
  });
});
