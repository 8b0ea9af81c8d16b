import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type CountingProxy,
  type Direction,
  startCountingProxy,
} from '../../bench/support/counting-proxy.ts';
import { openArchive } from '../../src/archive/read.ts';
import { createClient } from '../../src/client/client.ts';
import type { Content } from '../../src/flow/content.ts';
import { measure } from '../../src/flow/hash.ts';
import { openLayout } from '../../src/layout/repository.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import type { Repository } from '../../src/store/contract.ts';
import {
  blobOf,
  emptyConfig,
  give,
  imageOf,
  noise,
  type SampleBlob,
} from '../../src/testing/contract/sample.ts';
import { atEnd } from '../at-end.ts';
import { startGantry, startProgram } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import type { RegistryKind } from '../peers/registries.ts';
import { moduleAt } from './killed-at.ts';

export interface Stage {
  readonly root: string;
  readonly layer: SampleBlob;
  /** A registry with an image of the layer, which is `app:1`. */
  readonly from: CountingProxy;
  /** An empty registry. */
  readonly to: CountingProxy;
}

/** Starts two registries behind proxies, and makes a folder with an image of one layer in the layout `image`. */
export async function stage(test: TestContext, kind: RegistryKind, size: number): Promise<Stage> {
  const root = await folder(test);
  const proxies: CountingProxy[] = [];
  for (let proxy = 0; proxy < 2; proxy++) {
    const registry = await kind.start();
    atEnd(test, () => registry[Symbol.asyncDispose]());
    proxies.push(await startCountingProxy(registry.host));
  }
  const [from, to] = proxies;
  assert(from !== undefined && to !== undefined);
  atEnd(test, () => Promise.all([from[Symbol.asyncDispose](), to[Symbol.asyncDispose]()]));
  const layer = blobOf(noise(size));
  await using layout = await openLayout(join(root, 'image'), { mode: 'write' });
  await give(layout, emptyConfig, layer);
  await layout.manifests.put(imageOf({ layers: [layer] }), { tags: ['1'] });
  await layout.commit();
  await using client = createClient();
  await client.push(join(root, 'image'), `${from.host}/app:1`);
  return { root, layer, from, to };
}

/** One way of a transfer. */
export interface Way {
  readonly name: string;
  /** The fault that the test of the kills is about. */
  readonly id: string;
  readonly start: (stage: Stage) => ChildProcess;
  /** The direction of the blob between the process and the registry. */
  readonly counted: (stage: Stage) => readonly [CountingProxy, Direction];
  readonly check: (stage: Stage) => Promise<void>;
}

export function startCommand({ root }: Stage, words: readonly string[]): ChildProcess {
  return startGantry(words, { cwd: root, env: { GANTRY_STATE_DIR: 'state' } });
}

export const push: Way = {
  name: 'push',
  id: 'killed-upload',
  start: (stage) => startCommand(stage, ['push', 'image', `${stage.to.host}/app:1`]),
  counted: ({ to }) => [to, 'sent'],
  check: isPushed,
};

export const copy: Way = {
  ...push,
  name: 'copy',
  start: (stage) => startCommand(stage, ['copy', `${stage.from.host}/app:1`, `${stage.to.host}/app:1`]),
};

export const writeLayer: Way = {
  ...push,
  name: 'writeLayer of the library',
  start(stage) {
    return startProgram(process.execPath, ['--input-type=module', '-e', writing(stage)], { cwd: stage.root });
  },
  async check({ layer: { descriptor }, to }) {
    await using client = createClient();
    await isContent(client.openBlob(`${to.host}/app@${descriptor.digest}`), descriptor);
  },
};

export const intoLayout: Way = {
  name: 'pull of a layout',
  id: 'killed-transfer',
  start: (stage) =>
    startCommand(stage, ['pull', '--format=oci', '--annotate-ref', `${stage.from.host}/app:1`, 'pulled']),
  counted: ({ from }) => [from, 'received'],
  async check({ root, layer, from }) {
    await using layout = await openLayout(join(root, 'pulled'), { mode: 'read' });
    await isImage(layout, `${from.host}/app:1`, layer);
  },
};

export const intoArchive: Way = {
  ...intoLayout,
  name: 'pull of an archive',
  start: (stage) => startCommand(stage, ['pull', '--platform=all', `${stage.from.host}/app:1`, 'pulled.tar']),
  async check({ root, layer, from }) {
    await using archive = await openArchive(join(root, 'pulled.tar'));
    await isImage(archive, `${from.host}/app:1`, layer);
  },
};

/** Returns the code of a process that writes the layer of the layout with a journal. */
function writing({ layer, to }: Stage): string {
  return `
    const { createClient, createUploadJournal, createLayer, openLayout } = await import(${moduleAt('index.js')});
    const layout = await openLayout('image', { mode: 'read' });
    const blob = ${JSON.stringify(layer.descriptor)};
    const client = createClient({ upload: { journal: createUploadJournal('state/uploads') } });
    const layer = createLayer(layout.blobs.open(blob), { mediaType: blob.mediaType });
    await client.writeLayer({ repository: '${to.host}/app', layer });
    await client.close();`;
}

async function isPushed({ root, layer, to }: Stage): Promise<void> {
  const path = join(root, 'check');
  await using client = createClient();
  const { digest } = await client.copy(`${to.host}/app:1`, `oci:${path}`);
  await using layout = await openLayout(path, { mode: 'read' });
  await isImage(layout, digest, layer);
}

async function isImage(place: Repository, name: string, layer: SampleBlob): Promise<void> {
  const { bytes } = await place.manifests.get(name);
  assert.ok(Buffer.from(bytes).equals(imageOf({ layers: [layer] }).bytes));
  await isContent(place.blobs.open(layer.descriptor), layer.descriptor);
}

async function isContent(content: Content, { digest }: Descriptor): Promise<void> {
  assert.equal((await measure(content.open())).digest, digest);
}

/** Returns the names of everything that a later process could still find of an unfinished transfer. */
export async function leftovers(root: string): Promise<readonly string[]> {
  const all = await readdir(root, { recursive: true });
  const notes = await readdir(join(root, 'state', 'uploads')).catch(() => []);
  return [...all.filter((name) => /(?:^|[/\\])\./.test(name)), ...notes];
}
