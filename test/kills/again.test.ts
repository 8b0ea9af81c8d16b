import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../at-end.ts';
import { finished } from '../cli/gantry.ts';
import { needs } from '../peer.ts';
import { type RegistryKind, registries } from '../peers/registries.ts';
import {
  copy,
  intoArchive,
  intoLayout,
  leftovers,
  push,
  type Stage,
  stage,
  type Way,
  writeLayer,
} from './stage.ts';

const kills = 5;
const mebibyte = 1024 * 1024;

/** Starts the process of a way, kills it at a random byte from `least` on, and returns the bytes that it moved. */
async function killOnce(test: TestContext, way: Way, scene: Stage, least: number): Promise<number> {
  const [proxy, direction] = way.counted(scene);
  const before = proxy.counts[direction];
  const reached = proxy.passed(direction, Math.floor(least + Math.random() * 8 * mebibyte));
  const child = way.start(scene);
  atEnd(test, () => child.kill('SIGKILL'));
  const closed = once(child, 'close');
  await Promise.race([reached, closed]);
  child.kill('SIGKILL');
  const [, signal] = await closed;
  assert.equal(signal, 'SIGKILL');
  return proxy.counts[direction] - before;
}

/** Runs the process of a way to its end, checks the result, and returns the bytes that it moved. */
async function finish(way: Way, scene: Stage): Promise<number> {
  const [proxy, direction] = way.counted(scene);
  const before = proxy.counts[direction];
  const { code, stderr } = await finished(way.start(scene));
  assert.equal(code, 0, stderr);
  const moved = proxy.counts[direction] - before;
  await way.check(scene);
  assert.deepEqual(await leftovers(scene.root), []);
  return moved;
}

/** Returns the bytes of a blob that a killed process has left on the disk. */
async function keptOnDisk(root: string): Promise<number> {
  const names = (await readdir(root, { recursive: true })).filter((name) => name.endsWith('.part'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(root, name))).size));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

/** Returns whether registries of this kind keep the bytes of an upload that broke off. */
const keepsUploads = ({ name }: RegistryKind): boolean => name !== 'docker-registry';

/** Bytes. The system delivers those in the sockets after the end of their process. */
const inSockets = 8 * mebibyte;
/** Bytes that a kill may cost: a twentieth of 1 GiB. */
const mostLost = 51 * mebibyte;

for (const kind of registries.filter(({ name }) => name !== 'gantry over memory')) {
  const needed = needs(...kind.needs);
  const skip = process.platform === 'win32' ? 'Windows has no signals' : needed.skip;
  describe(`a process that is killed again and again, with ${kind.name}`, { ...needed, skip }, () => {
    for (const way of [push, copy, writeLayer]) {
      const title = keepsUploads(kind) ? 'sends few bytes again' : 'starts over each time';
      it(`${way.id}: a ${way.name} that is killed ${kills} times ${title}, and its result is right`, async (test) => {
        const size = 96 * mebibyte;
        const scene = await stage(test, kind, size);
        let sent = 0;
        for (let kill = 0; kill < kills; kill++) sent += await killOnce(test, way, scene, 6 * mebibyte);
        const last = await finish(way, scene);
        const again = keepsUploads(kind) ? kills * 2 * mebibyte : sent + inSockets;
        assert.ok(sent + last - size <= again, `${sent} sent by killed processes, ${last} by the last one`);
      });
    }

    for (const way of [intoLayout, intoArchive]) {
      it(`${way.id}: a ${way.name} that is killed ${kills} times reads few bytes again, and its result is right`, async (test) => {
        const size = 224 * mebibyte;
        const least = 26 * mebibyte;
        const scene = await stage(test, kind, size);
        let kept = 0;
        for (let kill = 0; kill < kills; kill++) {
          const moved = await killOnce(test, way, scene, least);
          const now = await keptOnDisk(scene.root);
          assert.ok(kept + moved - now <= mostLost, `${moved} moved, ${now - kept} kept`);
          kept = now;
        }
        assert.ok(kept > 1.5 * least, `${kept} kept`);
        const last = await finish(way, scene);
        // Some parts of a blob from slow connections arrive twice.
        assert.ok(last + kept - size < least, `${last} for the rest of ${size - kept}`);
      });
    }
  });
}
