import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { gantry } from './gantry.ts';
import { makeImage, store } from './images.ts';

/** A registry with one image, and a folder with a file, and an archive and a layout that hold that image. */
async function scene(test: TestContext): Promise<{ readonly host: string; readonly cwd: string }> {
  const registry = createMemoryRegistry();
  await store(registry, 'app', ['1'], await makeImage('here'));
  const served = await startRegistry({ registry });
  atEnd(test, () => served.close());
  const cwd = await folder(test);
  await writeFile(join(cwd, 'file'), 'a file');
  await mkdir(join(cwd, 'folder'));
  for (const place of ['oci-archive:images.tar', 'oci:layout']) {
    const { code, stderr } = await gantry(['copy', `${served.host}/app:1`, place], { cwd });
    assert.equal(code, 0, stderr);
  }
  return { host: served.host, cwd };
}

const rows: readonly (readonly [name: string, args: readonly string[], code: number, said: RegExp])[] = [
  ['a push to a place on disk', ['push', 'images.tar', 'oci:x'], 2, /place on disk.*"copy" takes/],
  ['a pull of a place on disk', ['pull', 'oci:layout', 'x.tar'], 2, /place on disk.*"copy" takes/],
  ['a pull into a place', ['pull', 'HOST/app:1', 'oci:x'], 2, /"copy" writes to places.*\.\/oci:x/],
  ['an empty path of a push', ['push', '', 'HOST/x:1'], 2, /the path of the image is empty/],
  ['a path that is not there', ['push', 'none', 'HOST/x:1'], 3, /there is no file or folder none$/m],
  ['a name behind a file', ['push', 'file:a', 'HOST/x:1'], 3, /write docker-archive:file:a/],
  ['a name behind a folder', ['push', 'folder:a', 'HOST/x:1'], 3, /write oci:folder:a/],
  ['a registry in place of a repository', ['ls', 'localhost:5000'], 2, /HOST:PORT\/NAME/],
  ['a reference in place of a tag', ['tag', 'HOST/app:1', 'HOST/app:2'], 2, /give the tag alone/],
  ['an argument too many', ['validate', 'HOST/app:1'], 2, /`gantry validate --help`/],
  ['an unknown command', ['explode'], 2, /gantry --help lists/],
  ['credentials of nothing', ['auth', 'get'], 2, /needs REGISTRY, as an argument or on stdin/],
  [
    'a file of users that is not there',
    ['serve', '--htpasswd', 'none'],
    2,
    /none: no such file or directory/,
  ],
  ['a log where no folder is', ['serve', '--log', 'none/log'], 1, /none\/log: no such file or directory/],
  ['a life of uploads in memory', ['serve', '--session-ttl', '1h'], 2, /--session-ttl needs --disk/],
  ['a layout as a store', ['serve', '--disk', 'layout'], 1, /is an OCI layout.*another folder/],
  [
    'an address of another machine',
    ['serve', '--anonymous', '--address', '192.0.2.1:0'],
    2,
    /does not have that/,
  ],
];

describe('mistakes of newcomers', () => {
  it('next-step-missing: each refusal says what is wrong and what to do', async (test) => {
    const { host, cwd } = await scene(test);
    for (const [name, args, code, said] of rows) {
      const words = args.map((word) => word.replace('HOST', host));
      const outcome = await gantry(words, { cwd, input: '' });
      assert.equal(outcome.code, code, `${name}: ${outcome.stderr}`);
      assert.match(outcome.stderr, said, name);
    }
  });

  it('next-step-missing: a port that is taken is said to be', async (test) => {
    const { host, cwd } = await scene(test);
    const { code, stderr } = await gantry(['serve', '--address', host], { cwd });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /is in use: end the program that listens there, or choose another port/);
  });
});
