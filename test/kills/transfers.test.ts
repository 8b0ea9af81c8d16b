import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { finished } from '../cli/gantry.ts';
import { copy, intoLayout, push, type Stage, stage, startCommand, writeLayer } from './stage.ts';

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;
const mebibyte = 1024 * 1024;
const size = 96 * mebibyte;
const memory = { name: 'gantry over memory', needs: [], start: () => startRegistry() };
const prepare = (test: TestContext): Promise<Stage> => stage(test, memory, size);

describe('two processes with one blob', () => {
  // An archive has one writer, and the second one replaces it.
  for (const way of [push, copy, writeLayer, intoLayout]) {
    it(`sent-at-once: the second ${way.name} waits for the first one, and finds the blob`, async (test) => {
      const scene = await prepare(test);
      const [proxy, direction] = way.counted(scene);
      const before = proxy.counts[direction];
      const children = [0, 1].map(() => way.start(scene));
      for (const child of children) atEnd(test, () => child.kill('SIGKILL'));
      for (const { code, stderr } of await Promise.all(children.map((child) => finished(child)))) {
        assert.equal(code, 0, stderr);
      }
      const moved = proxy.counts[direction] - before;
      // Some parts of a blob from a slow connection arrive twice.
      assert.ok(moved < 1.5 * size, `${moved} bytes`);
      await way.check(scene);
    });
  }
});

describe('the option --no-resume', { skip: noSignals }, () => {
  for (const words of ['push image TO/app:1', 'copy FROM/app:1 TO/app:1']) {
    it(`${words} --no-resume neither notes its upload nor continues another one`, async (test) => {
      const scene = await prepare(test);
      const { root, from, to } = scene;
      const line = words.replace('FROM', from.host).replace('TO', to.host).split(' ');
      for (const option of [['--no-resume'], []]) {
        const reached = to.passed('sent', 8 * mebibyte);
        const child = startCommand(scene, [...line, ...option]);
        atEnd(test, () => child.kill('SIGKILL'));
        await reached;
        child.kill('SIGKILL');
        await once(child, 'close');
        const notes = await readdir(join(root, 'state', 'uploads')).catch(() => []);
        assert.equal(notes.filter((name) => name.endsWith('.json')).length, option.length === 0 ? 1 : 0);
      }
      const before = to.counts.sent;
      const { code, stderr } = await finished(startCommand(scene, [...line, '--no-resume']));
      assert.equal(code, 0, stderr);
      assert.ok(to.counts.sent - before >= size);
      await push.check(scene);
    });
  }
});
