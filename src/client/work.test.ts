import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../../test/folder.ts';
import { classicFiles, craneFiles, sampleImage, saveTar, tarOf } from '../archive/archives.test.samples.ts';
import { copyImage } from '../copy/copy.ts';
import type { CopyEvent } from '../copy/events.ts';
import { bytesContent } from '../flow/content.ts';
import type { Work } from '../flow/work.ts';
import { createWorkLedger } from '../flow/work.ts';
import { createImage } from '../image/create.ts';
import { createLayer } from '../image/layer.ts';
import { openLayout } from '../layout/repository.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { blobOf, giveImage, listOf, noise, reusingContent } from '../testing/contract/sample.ts';
import { startRegistry } from '../testing/start-registry.ts';
import { cachedBlobs } from './blob-cache.ts';
import { type Client, createClient } from './client.ts';

interface Scene {
  readonly client: Client;
  readonly cwd: string;
  /** An image of 3 MiB in a registry. */
  readonly remote: string;
  /** Another repository there. */
  readonly target: string;
  /** The same small image: its layers plain, or compressed, or all of it. */
  readonly plain: string;
  readonly zipped: string;
  readonly packed: string;
  readonly onEvent: (event: CopyEvent) => void;
}

const image = await sampleImage('hello');
const names = ['acme/app:1'];
const large = blobOf(noise(3 * 2 ** 20));
const made = await tarOf([{ name: 'file', size: 5, body: bytesContent(Buffer.from('hello')).open() }]);
const plainBytes = image.layers.reduce((sum, { byteLength }) => sum + byteLength, 0);

async function open(test: TestContext, onEvent: (event: CopyEvent) => void): Promise<Scene> {
  const registry = await startRegistry();
  const client = createClient({ keychain: async () => undefined });
  atEnd(test, async () => {
    await client[Symbol.asyncDispose]();
    await registry.close();
  });
  const cwd = await folder(test);
  await giveImage(registry.registry.repository('app'), { layers: [large] }, '1');
  const packed = join(cwd, 'packed.tar.gz');
  await writeFile(packed, gzipSync(await tarOf(classicFiles(image, names))));
  return {
    client,
    cwd,
    remote: `${registry.host}/app:1`,
    target: `${registry.host}/target:1`,
    plain: await saveTar(test, classicFiles(image, names)),
    zipped: await saveTar(test, craneFiles(image)),
    packed,
    onEvent,
  };
}

/** Checks that each work is reported in turn, no figure decreases, and each ends at its total. */
function assertWorks(events: readonly CopyEvent[], works: readonly Work[]): ReadonlyMap<Work, number> {
  const last = new Map<Work, { readonly done: number; readonly total: number }>();
  for (const event of events) {
    if (event.kind !== 'work') continue;
    const { done, total } = last.get(event.work) ?? { done: 0, total: 0 };
    assert.ok(done <= event.done && event.done <= event.total && total <= event.total, JSON.stringify(event));
    last.set(event.work, event);
  }
  assert.deepEqual([...last.keys()], works);
  for (const { done, total } of last.values()) assert.equal(done, total);
  const progress = events.filter(({ kind }) => kind === 'progress' || kind === 'end');
  for (const event of progress.slice(-1)) {
    if (event.kind === 'end') assert.equal(event.moved, event.total);
  }
  return new Map([...last].map(([work, { total }]) => [work, total]));
}

interface Row {
  readonly name: string;
  readonly works: readonly Work[];
  /** Bytes of some of the works. */
  readonly totals?: Partial<Readonly<Record<Work, number>>>;
  readonly run: (scene: Scene) => Promise<unknown>;
}

const rows: readonly Row[] = [
  {
    name: 'what is validated in a registry',
    works: ['read'],
    totals: { read: large.descriptor.size + blobOf('{"os":"linux","architecture":"amd64"}').descriptor.size },
    run: async ({ client, remote, onEvent }) => listOf(client.validate(remote, { onEvent })),
  },
  {
    name: 'what is validated in a compressed archive of plain layers',
    works: ['unpack', 'pack', 'read'],
    totals: { pack: plainBytes },
    run: async ({ client, packed, onEvent }) =>
      listOf(client.validate({ kind: 'docker-archive', path: packed }, { onEvent })),
  },
  {
    name: 'nothing where nothing is read',
    works: [],
    run: async ({ client, remote, onEvent }) => listOf(client.validate(remote, { fast: true, onEvent })),
  },
  {
    name: 'plain layers that are packed before they are pushed',
    works: ['pack'],
    totals: { pack: plainBytes },
    run: ({ client, plain, target, onEvent }) => client.push(plain, target, { onEvent }),
  },
  {
    name: 'all that is packed for an index',
    works: ['pack'],
    totals: { pack: plainBytes },
    run: ({ client, plain, target, onEvent }) => client.push(plain, target, { index: true, onEvent }),
  },
  {
    name: 'layers of an archive whose digests nothing says',
    works: ['hash'],
    run: ({ client, zipped, target, onEvent }) => client.push(zipped, target, { onEvent }),
  },
  {
    name: 'layers of a view that have no digest yet',
    works: ['hash'],
    totals: { hash: 2 * made.byteLength },
    run: ({ client, target, onEvent }) => {
      const layer = createLayer(bytesContent(made));
      const config = { os: 'linux', architecture: 'amd64' };
      return client.pushImage(target, createImage({ config, layers: [layer] }), { onEvent });
    },
  },
  {
    name: 'an archive that is written',
    works: ['write'],
    run: ({ client, remote, cwd, onEvent }) => client.copy(remote, `oci-archive:${cwd}/a.tar`, { onEvent }),
  },
  {
    name: 'an archive with unpacked layers that is written',
    works: ['unpack', 'pack', 'write'],
    run: async ({ client, packed, target, cwd, onEvent }) => {
      await client.push(packed, target, { onEvent });
      return client.pull([target], join(cwd, 'legacy.tar'), { format: 'legacy', onEvent });
    },
  },
  {
    name: 'a compressed archive that is added to another one',
    works: ['unpack', 'pack', 'write'],
    run: ({ client, packed, cwd, onEvent }) =>
      client.copy(`docker-archive:${packed}`, `docker-archive:${join(cwd, 'packed.tar.gz')}`, { onEvent }),
  },
];

describe('work beside a copy', () => {
  for (const { name, works, totals = {}, run } of rows) {
    it(`work-is-told: ${name} is reported, and ends at its total`, async (test) => {
      const events: CopyEvent[] = [];
      await run(await open(test, (event) => void events.push(event)));
      const found = assertWorks(events, works);
      for (const [work, total] of Object.entries(totals)) {
        assert.equal([...found].find(([one]) => one === work)?.[1], total, work);
      }
    });
  }

  it('work-is-told: the figure of a damaged image also reaches its total', async () => {
    const { validate } = await import('../image/validate.ts');
    const place = createMemoryRegistry().repository('app', { actions: ['delete'] });
    const other = blobOf(noise(2 ** 20));
    const manifest = await giveImage(place, { layers: [large, other] }, '1');
    await place.blobs.delete(large.descriptor.digest);
    const events: CopyEvent[] = [];
    const work = createWorkLedger((event) => events.push(event)).of('read');
    const problems = await listOf(validate(place, manifest, { work }));
    assert.equal(problems.length, 2);
    assertWorks(events, ['read']);
  });

  it('work-is-told: an observer that throws ends validate with its error', async (test) => {
    const { client, remote } = await open(test, () => undefined);
    const reason = new Error('enough');
    const onEvent = (): never => {
      throw reason;
    };
    await assert.rejects(listOf(client.validate(remote, { onEvent })), reason);
  });

  it('work-is-told: a pull reports content on its way into the cache before all of it has arrived', async (test) => {
    const from = createMemoryRegistry().repository('app');
    await giveImage(from, { layers: [large] }, '1');
    let go: (() => void) | undefined;
    const shown = new Promise<void>((resolve) => {
      go = resolve;
    });
    const half = large.descriptor.size / 2;
    const bytes = noise(3 * 2 ** 20);
    const slow = {
      ...from,
      blobs: {
        ...from.blobs,
        open: (blob: Parameters<typeof from.blobs.open>[0]) => {
          const digest = typeof blob === 'string' ? blob : blob.digest;
          if (digest !== large.descriptor.digest) return from.blobs.open(blob);
          return {
            size: bytes.byteLength,
            replayable: true,
            async *open() {
              yield* reusingContent(bytes.subarray(0, half), 2 ** 16).open();
              // The rest comes when the first half was told.
              await shown;
              yield* reusingContent(bytes.subarray(half), 2 ** 16).open();
            },
          };
        },
      },
    };
    await using cache = await openLayout(join(await folder(test), 'cache'), { mode: 'write', cache: true });
    const events: CopyEvent[] = [];
    await copyImage(cachedBlobs(slow, cache), '1', createMemoryRegistry().repository('to'), {
      onEvent: (event) => {
        events.push(event);
        if (event.kind === 'progress' && event.moved >= 2 ** 20) go?.();
      },
    });
    const moved = events.flatMap((event) => (event.kind === 'progress' ? [event.moved] : []));
    assert.deepEqual(
      moved,
      moved.toSorted((a, b) => a - b),
    );
    const end = events.at(-1);
    assert.ok(end?.kind === 'end' && end.moved === end.total && end.moved === moved.at(-1));
  });
});
