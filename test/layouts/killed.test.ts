import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { fakeRegistry } from '../cli/fake-registry.ts';
import { finished, gantry, startGantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { heldRegistry } from './held-registry.ts';

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;

/** Commands with the files that they write at the destination and elsewhere. */
const ways: Readonly<Record<string, { args: (image: string) => string[]; there: string[] }>> = {
  'pull to an archive': { args: (image) => ['pull', image, 'out.tar'], there: ['out.tar'] },
  'pull to a legacy archive': {
    args: (image) => ['pull', '--format=legacy', image, 'out.tar'],
    there: ['out.tar'],
  },
  'pull to a layout': { args: (image) => ['pull', '--format=oci', image, 'out'], there: ['out'] },
  'pull with a cache': {
    args: (image) => ['pull', '-c', 'cache', image, 'out.tar'],
    there: ['cache', 'out.tar'],
  },
  'copy to an OCI archive': { args: (image) => ['copy', image, 'oci-archive:out.tar'], there: ['out.tar'] },
  'copy to a layout': { args: (image) => ['copy', image, 'oci:out'], there: ['out'] },
};

interface Room {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A working folder, and a separate one for temporary files. */
async function room(test: TestContext): Promise<Room> {
  const cwd = await folder(test);
  return { cwd, env: { TMPDIR: await folder(test) } };
}

const temporary = ({ env }: Room): Promise<string[]> => readdir(env['TMPDIR'] ?? '');

describe('hang-up: a command that is ended in the middle of a layer', { skip: noSignals }, () => {
  for (const [name, { args, there }] of Object.entries(ways)) {
    for (const [signal, code] of [
      ['SIGHUP', 129],
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      it(`${name}: ${signal} leaves nothing`, async (test) => {
        const here = await room(test);
        const { image, half } = await heldRegistry(test);
        const reached = half();
        const child = startGantry(args(image), here);
        const ended = finished(child);
        await reached;
        child.kill(signal);
        assert.equal((await ended).code, code);
        assert.deepEqual(await everything(here.cwd), []);
        assert.deepEqual(await temporary(here), []);
      });
    }

    it(`${name}: what SIGKILL left goes with the next run`, async (test) => {
      const here = await room(test);
      const { image, half, release } = await heldRegistry(test);
      const reached = half();
      const child = startGantry(args(image), here);
      await reached;
      child.kill('SIGKILL');
      await once(child, 'close');
      release();
      const { code, stderr } = await gantry(args(image), here);
      assert.equal(code, 0, stderr);
      assert.deepEqual((await readdir(here.cwd)).toSorted(), there);
      const left = (await everything(here.cwd)).filter((file) => file.includes('gantry'));
      assert.deepEqual(left, []);
    });
  }

  it('a pull that replaces an archive removes the leftovers of a killed copy that added to it', async (test) => {
    const here = await room(test);
    const { image, half, release } = await heldRegistry(test);
    const reached = half();
    const child = startGantry(['copy', image, 'oci-archive:out.tar'], here);
    await reached;
    child.kill('SIGKILL');
    await once(child, 'close');
    release();
    const { code, stderr } = await gantry(['pull', image, 'out.tar'], here);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await readdir(here.cwd), ['out.tar']);
  });

  it('a signal that Node is never told of, SIGPIPE, changes nothing', async (test) => {
    const here = await room(test);
    const { image, half, release } = await heldRegistry(test);
    const reached = half();
    const child = startGantry(['pull', image, 'out.tar'], here);
    const ended = finished(child);
    await reached;
    child.kill('SIGPIPE');
    release();
    assert.equal((await ended).code, 0);
    assert.deepEqual(await readdir(here.cwd), ['out.tar']);
  });

  it('drafts-of-the-living: a run removes only files that no living process owns', async (test) => {
    const here = await room(test);
    const { image, half, release } = await heldRegistry(test);
    const start = async (file: string): Promise<ReturnType<typeof startGantry>> => {
      const reached = half();
      const child = startGantry(['pull', image, file], here);
      await reached;
      return child;
    };
    const killed = await start('killed.tar');
    const living = await start('living.tar');
    const ended = finished(living);
    killed.kill('SIGKILL');
    await once(killed, 'close');
    await mkdir(join(here.cwd, '.gantry-draft-notour'));
    const other = finished(await start('other.tar'));
    const drafts = (await readdir(here.cwd)).filter((name) => name.startsWith('.gantry-draft-'));
    // Two belong to living processes, and one is young and names no process.
    assert.equal(drafts.length, 3);
    release();
    for (const { code, stderr } of [await ended, await other]) assert.equal(code, 0, stderr);
    const there = (await readdir(here.cwd)).toSorted();
    assert.deepEqual(there, ['.gantry-draft-notour', 'living.tar', 'other.tar']);
  });

  it('a spool that SIGKILL left goes with the next one', async (test) => {
    const here = await room(test);
    const { image, release } = await heldRegistry(test);
    release();
    assert.equal((await gantry(['pull', image, 'out.tar'], here)).code, 0);
    await writeFile(join(here.cwd, 'out.tgz'), gzipSync(await readFile(join(here.cwd, 'out.tar'))));
    const { promise: asked, tell } = signalled();
    const host = await fakeRegistry(test, tell);
    const child = startGantry(['push', 'out.tgz', `${host}/app:1`], here);
    await asked;
    child.kill('SIGKILL');
    await once(child, 'close');
    assert.equal((await temporary(here)).length, 1);
    const { code, stderr } = await gantry(['push', 'out.tgz', image.replace(/:1$/, ':2')], here);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await temporary(here), []);
  });
});

async function everything(path: string): Promise<string[]> {
  return (await readdir(path, { recursive: true })).toSorted();
}

function signalled(): { readonly promise: Promise<void>; readonly tell: () => void } {
  let tell: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return { promise, tell: () => tell?.() };
}
