import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { collectGarbage, type GarbageOptions } from '../../src/disk/garbage.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { trashFolder, trashPath } from '../../src/disk/trash.ts';
import { takeLock } from '../../src/files/lock.ts';
import type { Repository } from '../../src/store/contract.ts';
import {
  blobOf,
  failsWith,
  give,
  giveImage,
  imageOf,
  indexOf,
  listOf,
} from '../../src/testing/contract/sample.ts';
import { atEnd } from '../at-end.ts';
import { gantry } from '../cli/gantry.ts';
import * as wire from './server.ts';

const hour = 3_600_000;

/** Returns a closed store with one filled repository, in which everything is two days old. */
async function oldStore(test: TestContext, fill: (repository: Repository) => Promise<void>): Promise<string> {
  const store = await wire.newStore(test);
  await fillStore(store, fill);
  return store;
}

async function fillStore(store: string, fill: (repository: Repository) => Promise<void>): Promise<void> {
  {
    await using registry = await openDiskRegistry(store);
    await fill(registry.repository('app'));
  }
  const past = new Date(Date.now() - 48 * hour);
  for (const entry of await readdir(store, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), past, past);
  }
}

async function collected(store: string, options: GarbageOptions = {}): Promise<string[]> {
  const garbage = await listOf(collectGarbage(store, options));
  return garbage.map((item) => `${item.kind} ${item.kind === 'aside' ? item.path : item.digest}`).sort();
}

const layer = blobOf('a layer');
const stray = blobOf('a blob of no image');
const gone = (kind: string, digest: string): string => `${kind} ${digest}`;

describe('the collection of garbage', () => {
  it('gc removes blobs that no manifest names, then their bytes, and nothing else', async (test) => {
    const store = await oldStore(test, async (repository) => {
      await giveImage(repository, { layers: [layer] }, 'v1');
      await give(repository, stray);
    });
    const { digest } = stray.descriptor;
    assert.deepEqual(await collected(store, { dryRun: true }), [
      gone('blob', digest),
      gone('content', digest),
    ]);
    assert.deepEqual(await collected(store), [gone('blob', digest), gone('content', digest)]);
    assert.deepEqual(await collected(store), []);
    assert.deepEqual((await checkStore(store)).findings, []);
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('app');
    assert.equal(await blobs.stat(digest), undefined);
    assert.notEqual(await blobs.stat(layer.descriptor.digest), undefined);
  });

  // id: s18-grace-period
  it('gc keeps content that is younger than the grace period, or that was mounted or pushed again within it', async (test) => {
    const other = blobOf('pushed again');
    const store = await oldStore(test, (repository) => give(repository, stray, layer, other));
    {
      await using registry = await openDiskRegistry(store);
      const { blobs } = registry.repository('app');
      await blobs.mount(stray.descriptor.digest, { from: 'app' });
      const upload = await blobs.start();
      await upload.commit(other.descriptor.digest, other.content);
    }
    const { digest } = layer.descriptor;
    assert.deepEqual(await collected(store), [gone('blob', digest), gone('content', digest)]);
    assert.equal((await collected(store, { grace: 0 })).length, 4);
  });

  it('gc removes untagged manifests only with the option, and never those that a tag leads to', async (test) => {
    const kept: string[] = [];
    const lost: string[] = [];
    const store = await oldStore(test, async (repository) => {
      const child = await giveImage(repository, { annotations: { is: 'a child' } });
      const index = indexOf([child.descriptor]);
      await repository.manifests.put(index, { tags: ['v1'] });
      const signature = await giveImage(repository, { subject: index.descriptor });
      const about = await giveImage(repository, { subject: signature.descriptor, artifactType: 'x/y' });
      kept.push(...[child, index, signature, about].map(({ descriptor }) => descriptor.digest));
      const alone = await giveImage(repository, { annotations: { is: 'alone' }, layers: [layer] });
      const its = await giveImage(repository, { subject: alone.descriptor });
      lost.push(...[alone, its].map(({ descriptor }) => descriptor.digest));
    });
    assert.deepEqual(await collected(store), []);
    const removed = await collected(store, { untagged: true });
    assert.deepEqual(
      removed.filter((line) => line.startsWith('manifest')),
      lost.map((digest) => gone('manifest', digest)).sort(),
    );
    assert.ok(removed.includes(gone('content', layer.descriptor.digest)));
    assert.deepEqual((await checkStore(store)).findings, []);
    await using registry = await openDiskRegistry(store);
    const { manifests } = registry.repository('app');
    for (const digest of kept) assert.notEqual(await manifests.resolve(digest), undefined);
    for (const digest of lost) assert.equal(await manifests.resolve(digest), undefined);
  });

  it('gc keeps the bytes as long as one repository has a name for them', async (test) => {
    const store = await oldStore(test, (repository) => give(repository, stray));
    {
      await using registry = await openDiskRegistry(store);
      await giveImage(registry.repository('other'), { layers: [stray] }, 'v1');
    }
    assert.deepEqual(await collected(store, { grace: 0 }), [gone('blob', stray.descriptor.digest)]);
    assert.deepEqual((await checkStore(store)).findings, []);
  });

  it('after a killed gc, the next reader and the next gc restore or remove the content that it had put aside', async (test) => {
    const image = imageOf({ layers: [layer] }).descriptor.digest;
    const store = await oldStore(test, async (repository) => {
      await giveImage(repository, { layers: [layer] }, 'v1');
    });
    const folder = new RepositoryFolder(join(store, 'repositories'), 'app');
    const aside = async (): Promise<void> => {
      for (const [kind, digest, path] of [
        ['blobs', layer.descriptor.digest, folder.blobPath(layer.descriptor.digest)],
        ['manifests', image, folder.manifestPath(image)],
      ] as const) {
        await mkdir(trashFolder(folder.state, kind), { recursive: true });
        await rename(path, trashPath(folder.state, kind, digest));
      }
    };
    await aside();
    {
      await using registry = await openDiskRegistry(store);
      const { blobs, manifests } = registry.repository('app');
      assert.equal((await manifests.get('v1')).descriptor.digest, image);
      assert.deepEqual(await blobs.stat(layer.descriptor.digest), layer.descriptor);
    }
    await aside();
    assert.deepEqual(await collected(store, { grace: 0, untagged: true }), []);
    assert.deepEqual((await checkStore(store)).findings, []);
  });

  it('gc needs a store, and does not wait for another gc', async (test) => {
    const store = await wire.newStore(test);
    await failsWith(collected(store), 'IO_FAILED');
    await fillStore(store, async () => undefined);
    await using _ = await takeLock(join(store, '.gantry.gc.lock'), { what: 'it' });
    await failsWith(collected(store), 'IN_USE');
  });

  it('set-aside: a collection removes things that were moved to aside/ more than 30 days ago, and no others', async (test) => {
    const store = await oldStore(test, async (repository) => {
      await giveImage(repository, { layers: [layer] }, 'v1');
    });
    const blob = new RepositoryFolder(join(store, 'repositories'), 'app').blobPath(layer.descriptor.digest);
    await rm(blob);
    await mkdir(join(blob, 'below'), { recursive: true });
    {
      // A push moves the folder away.
      await using registry = await openDiskRegistry(store);
      await give(registry.repository('app'), layer);
    }
    const aside = join(store, 'aside');
    const [young = ''] = await readdir(aside);
    assert.deepEqual(await collected(store, { grace: 0 }), []);
    const old = join(aside, `${Date.now() - 31 * 24 * hour}${young.slice(13)}`);
    await mkdir(join(old, 'below'), { recursive: true });
    await writeFile(join(aside, 'letter.txt'), 'not from gantry');
    assert.deepEqual(await collected(store, { dryRun: true }), [gone('aside', old)]);
    assert.equal((await gantry(['registry', 'gc', store])).stdout, `aside ${old}\n`);
    assert.deepEqual((await readdir(aside)).sort(), [young, 'letter.txt'].sort());
  });

  it('gc is a command, also for a dry run', async (test) => {
    const store = await oldStore(test, (repository) => give(repository, stray));
    const { digest, size } = stray.descriptor;
    const dry = await gantry(['registry', 'gc', store, '--dry-run', '--json']);
    assert.equal(JSON.parse(dry.stdout).bytes, size);
    assert.equal(JSON.parse(dry.stdout).dryRun, true);
    const real = await gantry(['registry', 'gc', store]);
    assert.equal(real.stdout, `blob app ${digest}\ncontent ${digest}\n`);
    assert.equal((await gantry(['registry', 'gc', store, '--grace', 'long'])).code, 2);
    assert.equal((await gantry(['registry', 'gc', join(store, 'nowhere')])).code, 1);
  });
});

describe('garbage that is collected again and again beside a server that is pushed to', () => {
  for (const strict of [true, false]) {
    it(`gc beside a served store never removes content of an acknowledged manifest${strict ? '' : ', where images may be sparse'}`, async (test) => {
      const store = await wire.newStore(test);
      const server = await wire.serveStore(test, store, strict ? ['--strict'] : []);
      const told = new Map<string, readonly wire.Blob[]>();
      const counts = { pushed: 0, collected: 0, again: 0 };
      const pushing = new AbortController();
      // Also stops after a failure of the test, since it would never end.
      atEnd(test, () => pushing.abort());
      const collecting = (async () => {
        while (!pushing.signal.aborted) {
          for await (const _ of collectGarbage(store, { grace: 0, untagged: true })) counts.collected++;
        }
      })();
      const shared = Array.from({ length: 6 }, (_, n) => wire.blobOf(`shared ${n}`));
      await wire.together(6, async (n) => {
        for (let round = 0; round < 12; round++) {
          const name = `g/r${n % 2}`;
          const blobs = [
            shared[randomInt(6)] ?? wire.blobOf(''),
            wire.blobOf(randomBytes(randomInt(1, 20_000))),
          ];
          const image = wire.imageOf(blobs);
          const tag = `t${n}-${round}`;
          // The client sends content again that the collection removed meanwhile.
          while (!(await pushed(server.url, name, tag, image, blobs))) counts.again++;
          told.set(`${name}/manifests/${tag}`, [image, ...blobs]);
          counts.pushed++;
        }
      });
      pushing.abort();
      await collecting;
      assert.equal(counts.pushed, 72);
      for (const [path, [image, ...blobs]] of told) {
        assert.equal(await wire.served(server.url, path), image?.digest);
        for (const { digest } of blobs) {
          const blob = `${path.slice(0, path.indexOf('/manifests/'))}/blobs/${digest}`;
          assert.equal(await wire.served(server.url, blob), digest, JSON.stringify(counts));
        }
      }
      assert.deepEqual((await checkStore(store)).findings, []);
    });
  }
});

/**
 * Pushes like a client, which does not send existing blobs. Returns false if the registry refuses the manifest for a
 * missing blob.
 */
async function pushed(
  url: string,
  name: string,
  tag: string,
  image: wire.Blob,
  blobs: readonly wire.Blob[],
): Promise<boolean> {
  for (const blob of blobs) {
    const there = await wire.statusOf(`${url}/v2/${name}/blobs/${blob.digest}`, { method: 'HEAD' });
    if (there === 200) continue;
    assert.equal(there, 404);
    assert.equal(await wire.pushBlob(url, name, blob), 201);
  }
  const status = await wire.pushManifest(url, name, tag, image);
  assert.ok([201, 400, 404].includes(status), String(status));
  return status === 201;
}
