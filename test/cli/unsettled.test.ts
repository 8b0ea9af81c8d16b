import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openLayout } from '../../src/layout/repository.ts';
import { giveImage } from '../../src/testing/contract/sample.ts';
import { folder } from '../folder.ts';
import { listening } from '../listening.ts';
import { gantry } from './gantry.ts';

/** Runs gantry in a Node in which one module never answers and nothing else holds the process. */
async function runWith(
  test: TestContext,
  spoil: string,
  args: readonly string[],
): Promise<Awaited<ReturnType<typeof gantry>> & { readonly cwd: string }> {
  const place = await folder(test);
  const preload = join(place, 'spoil.cjs');
  await writeFile(preload, `${spoil}\nrequire('node:module').syncBuiltinESMExports();\n`);
  const cwd = await folder(test);
  return { ...(await gantry(args, { cwd, nodeOptions: ['--require', preload] })), cwd };
}

const noNetwork = `
const net = require('node:net');
net.connect = () => new net.Socket();
`;
const noTimers = `
globalThis.setTimeout = () => ({ ref() { return this; }, unref() { return this; }, [Symbol.toPrimitive]: () => 1 });
`;
const noFiles = `
const never = () => new Promise(() => undefined);
const files = require('node:fs/promises');
const names = ['open', 'readFile', 'stat', 'lstat', 'readdir', 'access', 'realpath'];
for (const name of names) files[name] = never;
// The forms with a callback, too.
for (const name of names) require('node:fs')[name] = () => undefined;
`;

describe('exit-0-undone: a command that nothing can settle any more', () => {
  for (const args of [
    ['digest', '127.0.0.1:9/app:1'],
    ['copy', '127.0.0.1:9/app:1', '127.0.0.1:9/app:2'],
    ['pull', '127.0.0.1:9/app:1', 'app.tar'],
    ['validate', '--remote', '127.0.0.1:9/app:1'],
  ]) {
    it(`${args[0]} ends with 1 and a message, and cleans up, when the network never answers`, async (test) => {
      const { code, stdout, stderr, cwd } = await runWith(test, noNetwork + noTimers, args);
      assert.deepEqual([code, stdout, await readdir(cwd)], [1, '', []]);
      assert.match(stderr, /not done/);
    });
  }

  for (const args of [
    ['push', 'folder', '127.0.0.1:9/app:1'],
    ['validate', '--tarball', 'image.tar'],
    ['copy', 'oci:folder', 'oci:other'],
  ]) {
    it(`${args[0]} ends with 1 and a message when the disk never answers`, async (test) => {
      const { code, stdout, stderr } = await runWith(test, noFiles, args);
      assert.deepEqual([code, stdout], [1, '']);
      assert.equal(stderr.match(/not done/g)?.length, 1);
    });
  }
});

describe('switching-protocols: a registry that answers 101', () => {
  for (const args of [
    ['digest', 'HOST/app:1'],
    ['validate', '--remote', 'HOST/app:1'],
    ['tag', 'HOST/app:1', 'stable'],
    ['delete', 'HOST/app:1'],
    ['push', 'LAYOUT', 'HOST/app:1'],
    ['pull', 'HOST/app:1', 'app.tar'],
    ['copy', 'HOST/app:1', 'oci:o'],
    ['ls', 'HOST/app'],
    ['catalog', 'HOST'],
  ]) {
    it(`a 101 is a failure of ${args[0]} with a message in one line`, async (test) => {
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.on('data', () => {
          socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n');
        });
      });
      const host = `127.0.0.1:${await listening(test, server)}`;
      const cwd = await folder(test);
      const layout = join(cwd, 'layout');
      {
        await using place = await openLayout(layout, { mode: 'write' });
        await giveImage(place, {}, '1');
        await place.commit?.();
      }
      const named = args.map((word) => word.replace('HOST', host).replace('LAYOUT', layout));
      const { code, stdout, stderr } = await gantry(named, { cwd });
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /101/);
      assert.deepEqual(await readdir(cwd), ['layout']);
    });
  }
});
