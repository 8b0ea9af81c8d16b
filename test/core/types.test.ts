import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../../scripts/project.ts';
import { folder } from '../folder.ts';

/** The settings of a web page's project: the types of browsers, and none of Node. */
const settings = {
  compilerOptions: {
    module: 'esnext',
    moduleResolution: 'bundler',
    target: 'es2022',
    lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'],
    types: [],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
  },
  files: ['page.ts'],
};

const page = `
import * as core from 'gantry/core';
const transport = core.fetchTransport(fetch);
const send = core.createRegistryLine({ base: 'https://reg.example', transport });
export const registry: core.RemoteRegistry = core.createRemoteRegistry({ base: 'https://reg.example', send });
`;

describe('the types of gantry/core', () => {
  it('the types of gantry/core need no types of Node', async (test) => {
    const home = await folder(test);
    await mkdir(join(home, 'node_modules'));
    await symlink(projectRoot(), join(home, 'node_modules', 'gantry'), 'junction');
    await writeFile(join(home, 'page.ts'), page);
    await writeFile(join(home, 'tsconfig.json'), JSON.stringify(settings));
    const compiler = join(projectRoot(), 'node_modules', 'typescript', 'bin', 'tsc');
    const compiling = promisify(execFile)(process.execPath, [compiler, '-p', home], { cwd: home });
    const { stdout } = await compiling.catch((error: unknown) => Object(error));
    assert.equal(stdout, '');
  });
});
