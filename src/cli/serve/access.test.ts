import assert from 'node:assert/strict';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { plants } from '../../../test/disk/plants.ts';
import { folder } from '../../../test/folder.ts';
import { isGantryError } from '../../errors.ts';
import { parseCommandLine } from '../program.ts';
import { accessOf, type WantedAccess } from './access.ts';

async function read(...flags: readonly string[]): Promise<WantedAccess> {
  const invocation = parseCommandLine(['serve', ...flags]);
  assert.ok(invocation.kind === 'run');
  return accessOf(invocation.given, { host: undefined, onProblem: (error) => assert.fail(String(error)) });
}

const options: readonly (readonly [flag: string, more: readonly string[]])[] = [
  ['--htpasswd', []],
  ['--rules', ['--anonymous']],
];

describe('accessOf', { skip: process.platform === 'win32' && 'links need rights' }, () => {
  for (const [what, plant] of plants) {
    for (const [flag, more] of options) {
      it(`settings-of-a-pipe: ${flag} refuses ${what} with the path and the reason`, async (test) => {
        const path = join(await folder(test), 'settings');
        await plant(path);
        await assert.rejects(read(flag, path, ...more), (error: unknown) => {
          assert.ok(isGantryError(error));
          assert.ok(error.message.includes(path), error.message);
          return true;
        });
      });
    }
  }

  it('accessOf reads users through a link, as mounted secrets are', async (test) => {
    const path = join(await folder(test), 'htpasswd');
    await writeFile(`${path}.real`, '');
    await symlink(`${path}.real`, path);
    assert.notEqual((await read('--htpasswd', path)).access.login, undefined);
  });
});
