import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createUploadJournal } from '../../src/client/upload-journal.ts';
import { blobOf } from '../../src/testing/contract/sample.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';
import { gantry } from './gantry.ts';

const { digest } = blobOf('a layer').descriptor;
const [one, two] = ['acme/app', 'acme/other'].map((repository) => ({
  place: 'https://registry.example',
  repository,
  digest,
  size: 2 ** 30,
}));
const name = (repository: string): string => `registry.example/${repository}@${digest}`;

/** Makes a state folder with notes of two uploads. */
async function state(test: TestContext): Promise<string> {
  const path = await folder(test);
  const journal = createUploadJournal(join(path, 'uploads'));
  for (const key of [two, one]) {
    assert(key !== undefined);
    await journal.note(
      key,
      `0@https://registry.example/v2/${key.repository}/blobs/uploads/1?_state=${secret('state')}`,
    );
  }
  return path;
}

describe('gantry transfers', () => {
  it('ls prints the blob, its size and the time of each noted upload, and no address of a session', async (test) => {
    const env = { GANTRY_STATE_DIR: await state(test) };
    const { code, stdout } = await gantry(['transfers', 'ls'], { env });
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n').sort();
    assert.equal(lines.length, 2);
    assert.match(
      lines[0] ?? '',
      /^registry\.example\/acme\/app@sha256:[0-9a-f]{64} +1\.00 GiB +\d{4}-\d\d-\d\dT[\d:]+Z$/,
    );
    const json = await gantry(['transfers', 'ls', '--json'], { env });
    const { uploads } = JSON.parse(json.stdout);
    assert.deepEqual(Object.keys(uploads[0]).sort(), ['digest', 'noted', 'repository', 'size', 'upload']);
    assert.deepEqual(uploads.map(({ upload }: { upload: string }) => upload).sort(), [
      name('acme/app'),
      name('acme/other'),
    ]);
  });

  it('rm forgets the named upload, and --all the others', async (test) => {
    const path = await state(test);
    const env = { GANTRY_STATE_DIR: path };
    const first = await gantry(['transfers', 'rm', name('acme/app')], { env });
    assert.deepEqual([first.code, first.stdout], [0, `forgot ${name('acme/app')}\n`]);
    assert.equal((await readdir(join(path, 'uploads'))).length, 1);
    const rest = await gantry(['transfers', 'rm', '--all', '--json'], { env });
    assert.deepEqual(JSON.parse(rest.stdout), { forgotten: [name('acme/other')] });
    assert.deepEqual(await readdir(join(path, 'uploads')), []);
  });

  for (const [title, words] of [
    ['without a name', []],
    ['with a name and --all', ['--all', name('acme/app')]],
    ['with an unknown name', [name('acme/app'), 'registry.example/none@sha256:0']],
  ] as const) {
    it(`rm ${title} is a mistake, and forgets nothing`, async (test) => {
      const path = await state(test);
      const { code, stderr } = await gantry(['transfers', 'rm', ...words], {
        env: { GANTRY_STATE_DIR: path },
      });
      assert.equal(code, 2, stderr);
      assert.equal((await readdir(join(path, 'uploads'))).length, 2);
    });
  }

  it('ls and rm --all find nothing without a state folder', async () => {
    for (const env of [{ GANTRY_STATE_DIR: 'none' }, { GANTRY_STATE_DIR: '/nowhere/at/all' }]) {
      for (const words of ['ls', 'rm --all']) {
        const { code, stdout } = await gantry(['transfers', ...words.split(' ')], { env });
        assert.deepEqual([code, stdout], [0, '']);
      }
    }
  });

  it('ls finds nothing if the state folder is a file', async (test) => {
    const path = join(await state(test), 'uploads');
    const [file] = await readdir(path);
    const { code, stderr } = await gantry(['transfers', 'ls'], {
      env: { GANTRY_STATE_DIR: join(path, file ?? '') },
    });
    assert.equal(code, 0, stderr);
  });
});
