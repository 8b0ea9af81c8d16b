import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { collect } from '../../src/flow/collect.ts';
import type { Image } from '../../src/image/image.ts';
import { openFileSystem } from '../../src/image/open-file-system.ts';
import type { TarEntry } from '../../src/tar/entry.ts';
import { readTar } from '../../src/tar/read.ts';
import {
  configOf,
  file,
  imageOf,
  put,
  putIndex,
  type Stage,
  type StoredImage,
  stage,
  tarOf,
} from '../edit/stage.ts';
import { folder } from '../folder.ts';

/** A folder to build, and a registry with bases. */
export interface BuildStage extends Stage {
  /** The folder to build. */
  readonly home: string;
  /** A base for linux/amd64 that starts like the official image of Node. */
  readonly base: string;
  /** A base for linux/amd64, linux/arm64 and linux/s390x. */
  readonly baseIndex: string;
  /** The reference of the built image. */
  readonly app: string;
  /** Writes files below the folder. A text is a file, a text after `->` a symbolic link, and bytes are a file, too. */
  write(files: Files): Promise<void>;
}

export type Files = Readonly<Record<string, string | Uint8Array>>;

const passwd = 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/bash\n';

export async function buildStage(test: TestContext): Promise<BuildStage> {
  const at = await stage(test);
  const home = await folder(test);
  await put(at, 'base', await baseOf('amd64'));
  const images = await Promise.all(['amd64', 'arm64', 's390x'].map((one) => baseOf(one)));
  await putIndex(
    at,
    'bases',
    images.map((image, place) => ({
      image,
      entry: { platform: { os: 'linux', architecture: ['amd64', 'arm64', 's390x'][place] } },
    })),
    { annotations: { 'org.opencontainers.image.version': '22.1.0' } },
  );
  return {
    ...at,
    home,
    base: `${at.host}/base:1`,
    baseIndex: `${at.host}/bases:1`,
    app: `${at.host}/app:1`,
    write: (files) => writeFiles(home, files),
  };
}

/** Makes a base with a layer below the one with /etc/passwd. */
export async function baseOf(architecture: string, config: object = {}): Promise<StoredImage> {
  const layers = [await tarOf(file('lib/base', architecture)), await tarOf(file('etc/passwd', passwd))];
  const run = {
    Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_VERSION=22.1.0'],
    Entrypoint: ['docker-entrypoint.sh'],
    Cmd: ['node'],
    ...config,
  };
  return imageOf({
    layers,
    config: { architecture, config: run, 'moby.buildkit.x': 1 },
    manifest: { annotations: { 'org.opencontainers.image.version': '22.1.0' } },
  });
}

export async function writeFiles(home: string, files: Files): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(home, name);
    await mkdir(dirname(path), { recursive: true });
    if (typeof content === 'string' && content.startsWith('-> ')) await symlink(content.slice(3), path);
    else await writeFile(path, content);
    if (typeof content === 'string' && content.startsWith('#!')) await chmod(path, 0o755);
  }
}

/** A Node application with a dependency, which has one itself, and with a package that only development needs. */
export const npmApp: Files = {
  'package.json': JSON.stringify({
    name: 'web',
    version: '1.0.0',
    scripts: { start: 'node server.js' },
    dependencies: { a: '1' },
    devDependencies: { dev: '1' },
  }),
  'server.js': "console.log(require('a'));\n",
  'lib/more.js': 'module.exports = 1;\n',
  'node_modules/.package-lock.json': '{}',
  'node_modules/.bin/a': '-> ../a/cli.js',
  'node_modules/.bin/dev': '-> ../dev/cli.js',
  'node_modules/a/package.json': JSON.stringify({ name: 'a', version: '1.0.0', dependencies: { b: '2' } }),
  'node_modules/a/index.js': "module.exports = ['a', require('b')].join(' ');\n",
  'node_modules/a/cli.js': '#!/usr/bin/env node\n',
  'node_modules/a/node_modules/b/package.json': JSON.stringify({ name: 'b', version: '2.0.0' }),
  'node_modules/a/node_modules/b/index.js': "module.exports = 'b2';\n",
  'node_modules/b/package.json': JSON.stringify({ name: 'b', version: '1.0.0' }),
  'node_modules/dev/package.json': JSON.stringify({
    name: 'dev',
    version: '1.0.0',
    dependencies: { b: '1' },
  }),
  'node_modules/dev/cli.js': '#!/usr/bin/env node\n',
};

/** Returns the entries of each layer of an image above its base, from the base upward. */
export async function layersAbove(image: Image, base: number): Promise<readonly (readonly TarEntry[])[]> {
  const layers = (await image.layers()).slice(base);
  return Promise.all(
    layers.map(async (layer) => {
      const entries: TarEntry[] = [];
      for await (const { body: _, ...entry } of readTar(layer.uncompressed().open())) entries.push(entry);
      return entries;
    }),
  );
}

/** Returns the names in a layer. */
export function names(entries: readonly TarEntry[] | undefined): readonly string[] {
  return (entries ?? []).map(({ name }) => name);
}

/** Returns the paths of all files of an image. */
export async function pathsIn(image: Image): Promise<readonly string[]> {
  return [...(await openFileSystem(image)).entries()].map(({ path }) => path);
}

/** Returns the part of a config for running. */
export async function runOf(at: Stage, reference: string): Promise<Record<string, unknown>> {
  return Object((await configOf(at, reference))['config']);
}

/** Returns the text of a file of an image. */
export async function textOf(at: Stage, reference: string, path: string): Promise<string> {
  const bytes = await collect(at.client.readFile(reference, path), { limit: 1e6, what: path });
  return new TextDecoder().decode(bytes);
}
