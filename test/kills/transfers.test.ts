import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  type CountingProxy,
  type Direction,
  startCountingProxy,
} from '../../bench/support/counting-proxy.ts';
import { openArchive } from '../../src/archive/read.ts';
import { measure } from '../../src/flow/hash.ts';
import { openLayout } from '../../src/layout/repository.ts';
import type { Repository } from '../../src/store/contract.ts';
import { blobOf, emptyConfig, give, imageOf, noise } from '../../src/testing/contract/sample.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { finished, startGantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;
const mebibyte = 1024 * 1024;
const kills = 5;
const layer = blobOf(noise(96 * mebibyte));
const { size } = layer.descriptor;
const image = imageOf({ layers: [layer] });

/** Stores the image. */
async function fill(place: Repository): Promise<void> {
  await give(place, emptyConfig, layer);
  await place.manifests.put(image, { tags: ['1'] });
  await place.commit();
}

interface Stage {
  readonly root: string;
  readonly source: TestRegistry;
  readonly from: CountingProxy;
  readonly target: TestRegistry;
  readonly to: CountingProxy;
}

/** A registry with the image and an empty one, each behind a proxy, and a folder with the image in the layout `image`. */
async function stage(test: TestContext): Promise<Stage> {
  const root = await folder(test);
  const [source, target] = await Promise.all([startRegistry(), startRegistry()]);
  atEnd(test, () => source[Symbol.asyncDispose]());
  atEnd(test, () => target[Symbol.asyncDispose]());
  const [from, to] = [await startCountingProxy(source.host), await startCountingProxy(target.host)];
  atEnd(test, () => from[Symbol.asyncDispose]());
  atEnd(test, () => to[Symbol.asyncDispose]());
  await fill(source.registry.repository('app'));
  await using layout = await openLayout(join(root, 'image'), { mode: 'write' });
  await fill(layout);
  return { root, source, from, target, to };
}

function start(test: TestContext, { root }: Stage, words: readonly string[]): ChildProcess {
  const child = startGantry(words, { cwd: root, env: { GANTRY_STATE_DIR: 'state' } });
  atEnd(test, () => child.kill('SIGKILL'));
  return child;
}

async function isWhole(place: Repository, tag = '1'): Promise<void> {
  const { bytes } = await place.manifests.get(tag);
  assert.ok(Buffer.from(bytes).equals(image.bytes));
  const { digest } = await measure(place.blobs.open(layer.descriptor).open());
  assert.equal(digest, layer.descriptor.digest);
}

async function hidden(path: string): Promise<readonly string[]> {
  return (await readdir(path, { recursive: true })).filter((name) => /(?:^|[/\\])\./.test(name));
}

/** One way of a transfer. */
interface Way {
  readonly name: string;
  /** The fault that the test of the kills is about. */
  readonly id: string;
  readonly words: (stage: Stage) => readonly string[];
  /** The direction of the blob between the command and the registry. */
  readonly counted: (stage: Stage) => readonly [CountingProxy, Direction];
  /** The most bytes that one kill may cost: those in the sockets and in the memory of the process. */
  readonly lost: number;
  readonly check: (stage: Stage) => Promise<void>;
}

const isPushed = ({ target }: Stage): Promise<void> => isWhole(target.registry.repository('app'));

const ways: readonly Way[] = [
  {
    name: 'push',
    id: 'killed-upload',
    words: ({ to }) => ['push', 'image', `${to.host}/app:1`],
    counted: ({ to }) => [to, 'sent'],
    lost: 2 * mebibyte,
    check: isPushed,
  },
  {
    name: 'copy',
    id: 'killed-upload',
    words: ({ from, to }) => ['copy', `${from.host}/app:1`, `${to.host}/app:1`],
    counted: ({ to }) => [to, 'sent'],
    lost: 2 * mebibyte,
    check: isPushed,
  },
  {
    name: 'pull of a layout',
    id: 'killed-transfer',
    words: ({ from }) => ['pull', '--format=oci', '--annotate-ref', `${from.host}/app:1`, 'pulled'],
    counted: ({ from }) => [from, 'received'],
    lost: 40 * mebibyte,
    async check({ root, from }) {
      await using layout = await openLayout(join(root, 'pulled'), { mode: 'read' });
      await isWhole(layout, `${from.host}/app:1`);
    },
  },
  {
    name: 'pull of an archive',
    id: 'killed-transfer',
    words: ({ from }) => ['pull', '--platform=all', `${from.host}/app:1`, 'pulled.tar'],
    counted: ({ from }) => [from, 'received'],
    lost: 40 * mebibyte,
    async check({ root, from }) {
      await using archive = await openArchive(join(root, 'pulled.tar'));
      await isWhole(archive, `${from.host}/app:1`);
    },
  },
];

describe('a command that is killed again and again', { skip: noSignals }, () => {
  for (const { name, id, words, counted, lost, check } of ways) {
    it(`${id}: a ${name} that is killed ${kills} times sends the bytes once, and its result is right`, async (test) => {
      const scene = await stage(test);
      const [proxy, direction] = counted(scene);
      const costs: string[] = [];
      for (let kill = 0; kill < kills; kill++) {
        const before = proxy.counts[direction];
        const bytes = Math.floor((2 + Math.random() * 14) * mebibyte);
        const reached = proxy.passed(direction, bytes);
        const child = start(test, scene, words(scene));
        await reached;
        const closed = once(child, 'close');
        child.kill('SIGKILL');
        const [, signal] = await closed;
        assert.equal(signal, 'SIGKILL');
        costs.push(`${bytes} of ${proxy.counts[direction] - before}`);
      }
      const { code, stderr } = await finished(start(test, scene, words(scene)));
      assert.equal(code, 0, stderr);
      const resent = proxy.counts[direction] - size;
      assert.ok(resent <= kills * lost, `${resent} bytes more than the blob; killed at ${costs.join(', ')}`);
      await check(scene);
      const state = await readdir(join(scene.root, 'state', 'uploads')).catch(() => []);
      assert.deepEqual(state, []);
      assert.deepEqual(await hidden(scene.root), []);
    });
  }
});

describe('two commands with one blob', () => {
  for (const way of ways.filter((one) => one.name !== 'pull of an archive')) {
    it(`sent-at-once: the second ${way.name} waits for the first one, and finds the blob`, async (test) => {
      const scene = await stage(test);
      const [proxy, direction] = way.counted(scene);
      const commands = [0, 1].map(() => finished(start(test, scene, way.words(scene))));
      for (const { code, stderr } of await Promise.all(commands)) assert.equal(code, 0, stderr);
      assert.ok(proxy.counts[direction] < size + mebibyte, `${proxy.counts[direction]} bytes`);
      await way.check(scene);
    });
  }
});

describe('the option --no-resume', { skip: noSignals }, () => {
  for (const words of ['push image TO/app:1', 'copy FROM/app:1 TO/app:1']) {
    it(`${words} --no-resume neither notes its upload nor continues another one`, async (test) => {
      const scene = await stage(test);
      const { root, from, to } = scene;
      const line = words.replace('FROM', from.host).replace('TO', to.host).split(' ');
      for (const option of [['--no-resume'], []]) {
        const reached = to.passed('sent', 8 * mebibyte);
        const child = start(test, scene, [...line, ...option]);
        await reached;
        child.kill('SIGKILL');
        await once(child, 'close');
        const notes = await readdir(join(root, 'state', 'uploads')).catch(() => []);
        assert.equal(notes.filter((name) => name.endsWith('.json')).length, option.length === 0 ? 1 : 0);
      }
      const before = to.counts.sent;
      const { code, stderr } = await finished(start(test, scene, [...line, '--no-resume']));
      assert.equal(code, 0, stderr);
      assert.ok(to.counts.sent - before >= size);
      await isPushed(scene);
    });
  }
});
