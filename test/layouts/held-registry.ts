import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { noise } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { store } from '../cli/images.ts';

export interface HeldRegistry {
  /** `127.0.0.1:40000/app:1`: an image with a layer whose first half arrives at once. */
  readonly image: string;
  /** Resolves when the first half of a layer has been sent after this call. */
  readonly half: () => Promise<void>;
  /** Makes everything arrive at once from now on. */
  readonly release: () => void;
}

/** Bytes that look random, so that no compression keeps them from filling the disk. */
const bytes = gzipSync(noise(400_000));

/** Starts a registry that stops in the middle of a layer. */
export async function heldRegistry(test: TestContext): Promise<HeldRegistry> {
  const registry = createMemoryRegistry();
  let release: (() => void) | undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const layer = createLayer(bytesContent(bytes));
  const { digest } = await layer.descriptor();
  await store(
    registry,
    'app',
    ['1'],
    createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer] }),
  );
  let told: (() => void)[] = [];
  const holding: typeof registry = {
    ...registry,
    repository(name, options) {
      const inner = registry.repository(name, options);
      const open: typeof inner.blobs.open = (blob) => {
        const content = inner.blobs.open(blob);
        return {
          ...content,
          async *open(range = {}) {
            const { from = 0, to = bytes.byteLength } = range;
            const middle = Math.floor((from + to) / 2);
            if ((typeof blob === 'string' ? blob : blob.digest) !== digest) {
              yield* content.open(range);
              return;
            }
            yield* content.open({ ...range, to: middle });
            for (const tell of told.splice(0)) tell();
            await released;
            yield* content.open({ ...range, from: middle });
          },
        };
      };
      return { ...inner, blobs: { ...inner.blobs, open } };
    },
  };
  const served = await startRegistry({ registry: holding });
  atEnd(test, () => {
    release?.();
    return served.close();
  });
  return {
    image: `${served.host}/app:1`,
    half: () =>
      new Promise((resolve) => {
        told = [...told, resolve];
      }),
    release: () => release?.(),
  };
}
