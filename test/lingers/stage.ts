import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { copyImage } from '../../src/copy/copy.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import type { Image } from '../../src/image/image.ts';
import { createLayer } from '../../src/image/layer.ts';
import { imageSource } from '../../src/image/source.ts';
import { openLayout } from '../../src/layout/repository.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Registry } from '../../src/store/contract.ts';
import { noise } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { finished, saidOnStderr, startGantry } from '../cli/gantry.ts';
import { store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import type { Line, Place } from './rows.ts';
import type { Scene } from './scenes.ts';

/** Returns options that make node load the watch and other modules before the command line. */
export function watched(...modules: readonly string[]): readonly string[] {
  const watch = new URL('watch.js', import.meta.url).href;
  return [watch, ...modules].flatMap((module) => ['--import', module]);
}

/** The last line of stderr of a command that nothing held. */
export const settled = 'watch: settled\n';

export interface Stage {
  /** Returns the environment for the hosts of two registries. */
  place(hosts: Pick<Place, 'host' | 'other'>): Promise<Place>;
  /** Returns a registry that holds the image. */
  filled(): Promise<Registry>;
  /** Runs a command line against a faulty registry. Returns the last line of its stderr. */
  play(test: TestContext, line: Line, scene: Scene, options?: PlayOptions): Promise<string>;
}

interface PlayOptions {
  /** The content of the faulty registry. Default: the image. */
  readonly holds?: 'nothing';
  /** Modules that node loads before the command line. */
  readonly before?: readonly string[];
}

/** Makes the stage for the tests of one file. `size` is the size of the layer in bytes. */
export function openStage(size: number): Stage {
  const layer = createLayer(bytesContent(gzipSync(noise(size))));
  const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
  let template = '';
  before(async () => {
    template = await mkdtemp(join(tmpdir(), 'gantry-test-'));
    await fill(template, image);
  });
  after(() => rm(template, { recursive: true, force: true }));

  const place: Stage['place'] = async (hosts) => {
    const { digest } = await layer.descriptor();
    return { ...hosts, layout: join(template, 'layout'), store: join(template, 'store'), layer: digest };
  };
  return {
    place,
    filled: () => filled(image),
    async play(test, line, scene, { holds, before: modules = [] } = {}) {
      let meet: (() => void) | undefined;
      const met = new Promise<void>((resolve) => {
        meet = resolve;
      });
      await using registry = await startRegistry({
        registry: holds === 'nothing' ? createMemoryRegistry() : await filled(image),
        faults: scene.faults(() => meet?.()),
      });
      await using other = await startRegistry({ registry: await filled(image) });
      const words = line.words(await place({ host: registry.host, other: other.host }));
      const cwd = await folder(test);
      const patience = scene.timeout === undefined ? [] : ['--timeout', String(scene.timeout)];
      const child = startGantry([...words, ...patience], {
        cwd,
        env: { DOCKER_CONFIG: cwd },
        nodeOptions: watched(...modules),
      });
      atEnd(test, () => child.kill('SIGKILL'));
      const ended = finished(child, line.input);
      const closed = once(child, 'close');
      if (line.serves) {
        await saidOnStderr(child, /serving on port/);
        child.kill('SIGTERM');
      }
      if (scene.interrupted) {
        await Promise.race([met, closed]);
        child.kill('SIGINT');
      }
      return lastLine((await ended).stderr);
    },
  };
}

export function lastLine(text: string): string {
  return text.slice(text.lastIndexOf('\nwatch: ') + 1);
}

async function filled(image: Image): Promise<Registry> {
  const registry = createMemoryRegistry();
  await store(registry, 'app', ['1'], image);
  return registry;
}

async function fill(template: string, image: Image): Promise<void> {
  await using layout = await openLayout(join(template, 'layout'), { mode: 'write' });
  const { repository, root } = await imageSource(image);
  await copyImage(repository, root.digest, layout, { tags: ['1'] });
  await layout.commit?.();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(template, 'layout.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(template, 'layout.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  await using disk = await openDiskRegistry(join(template, 'store'));
  await store(disk, 'app', ['1'], image);
}
