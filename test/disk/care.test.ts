import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import { blobPath } from '../../src/blobfile/blob-file.ts';
import { checkStore } from '../../src/disk/check.ts';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { trashPath } from '../../src/disk/trash.ts';
import { bytesContent } from '../../src/flow/content.ts';
import type { Digest } from '../../src/spec/digest.ts';
import type { Repository } from '../../src/store/contract.ts';
import { blobOf, failsWith, give, giveImage, imageOf, read } from '../../src/testing/contract/sample.ts';
import { lock, noMounts, smallDisk } from '../bad-input/small-disk.ts';
import { gantry } from '../cli/gantry.ts';
import { needs } from '../peer.ts';
import * as wire from './server.ts';

async function filled(
  test: TestContext,
  fill: (repository: Repository) => Promise<unknown>,
): Promise<string> {
  const store = await wire.newStore(test);
  await using registry = await openDiskRegistry(store);
  await fill(registry.repository('app'));
  return store;
}

const folderOf = (store: string, name = 'app'): RepositoryFolder =>
  new RepositoryFolder(join(store, 'repositories'), name);

/** Writes other bytes of the same length, as a damaged disk returns them. */
async function spoil(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

const layer = blobOf('a layer');
const image = imageOf({ layers: [layer] });
const note = imageOf({ subject: image.descriptor });

describe('the check of a store', () => {
  const whole = (test: TestContext): Promise<string> =>
    filled(test, async (repository) => {
      await giveImage(repository, { layers: [layer] }, 'v1');
      await giveImage(repository, { subject: image.descriptor });
    });

  it('the check finds nothing in a sound store, and counts everything that it read', async (test) => {
    const report = await checkStore(await whole(test));
    assert.deepEqual(report.findings, []);
    assert.deepEqual([report.repositories, report.manifests, report.tags, report.blobs], [1, 2, 1, 4]);
  });

  interface Harm {
    readonly name: string;
    readonly harm: (store: string, folder: RepositoryFolder) => Promise<unknown>;
    /** The kind and subject of each finding. */
    readonly found: readonly (readonly [kind: string, subject: string])[];
  }

  const digest = layer.descriptor.digest;
  const harms: readonly Harm[] = [
    {
      name: 'a blob with another bit, once in each repository that has it',
      harm: (store) => spoil(blobPath(store, digest)),
      found: [['damaged', digest]],
    },
    {
      name: 'a blob that was cut short, and not again that the manifest knows its size',
      harm: (_, folder) => truncate(folder.blobPath(digest), 3),
      found: [['damaged', digest]],
    },
    {
      name: 'a blob that is not there',
      harm: (_, folder) => rm(folder.blobPath(digest)),
      found: [['missing', image.descriptor.digest]],
    },
    {
      name: 'a manifest whose bytes are not there, and the tag on it',
      harm: (_, folder) => rm(folder.blobPath(image.descriptor.digest)),
      found: [
        ['damaged', image.descriptor.digest],
        ['missing', 'v1'],
      ],
    },
    {
      name: 'a tag that leads nowhere',
      harm: (_, folder) => rm(folder.manifestPath(image.descriptor.digest)),
      found: [['missing', 'v1']],
    },
    {
      name: 'a tag that is none',
      harm: (_, folder) => writeFile(folder.tagPath('v1'), 'sha256:nothing'),
      found: [['missing', 'v1']],
    },
    {
      name: 'a referrer that is not listed',
      harm: (_, folder) => rm(folder.referrerPath(image.descriptor.digest, note.descriptor.digest)),
      found: [['missing', note.descriptor.digest]],
    },
    {
      name: 'a referrer that is listed and is none',
      harm: (_, folder) =>
        writeFile(folder.referrerPath(image.descriptor.digest, image.descriptor.digest), ''),
      found: [['stray', image.descriptor.digest]],
    },
    {
      name: 'files that belong to nothing',
      harm: async (store, folder) => {
        await writeFile(join(dirname(folder.blobPath(digest)), 'notes.txt'), '');
        await writeFile(join(dirname(folder.tagPath('t')), 'notes.txt'), '');
        await writeFile(join(store, 'blobs', 'sha256', 'abc'), '');
      },
      found: [
        ['stray', 'blobs/sha256/abc'],
        ['stray', 'repositories/app/_gantry/tags/notes.txt'],
        ['stray', 'repositories/app/_layout/blobs/sha256/notes.txt'],
      ],
    },
  ];
  for (const { name, harm, found } of harms) {
    it(`the check finds ${name}`, async (test) => {
      const store = await whole(test);
      await harm(store, folderOf(store));
      const { findings } = await checkStore(store);
      const seen = findings.map(({ kind, subject }) => `${kind} ${subject.replaceAll('\\', '/')}`);
      assert.deepEqual(seen.sort(), found.map((pair) => pair.join(' ')).sort());
    });
  }

  it('registry check fails when it finds something', async (test) => {
    const store = await whole(test);
    const well = await gantry(['registry', 'check', store, '--json']);
    assert.equal(well.code, 0);
    assert.deepEqual(JSON.parse(well.stdout).findings, []);
    await rm(folderOf(store).blobPath(digest));
    const ill = await gantry(['registry', 'check', store]);
    assert.equal(ill.code, 1);
    assert.match(
      ill.stdout,
      new RegExp(`^missing: app ${image.descriptor.digest}: [^\n]*${digest}[^\n]*\n$`),
    );
    assert.equal((await gantry(['registry', 'check', store, '--sparse'])).code, 0);
    assert.equal((await gantry(['registry', 'check', dirname(store)])).code, 1);
  });

  it('check-beside-gc: counts what a collection of garbage has put aside as there, and leaves it where it is', async (test) => {
    const store = await whole(test);
    const folder = folderOf(store);
    const aside = trashPath(folder.state, 'blobs', digest);
    await mkdir(dirname(aside), { recursive: true });
    await rename(folder.blobPath(digest), aside);
    assert.deepEqual((await checkStore(store)).findings, []);
    assert.deepEqual(await readFile(aside), Buffer.from(layer.bytes));
    const entry = trashPath(folder.state, 'manifests', note.descriptor.digest);
    await mkdir(dirname(entry), { recursive: true });
    await rename(folder.manifestPath(note.descriptor.digest), entry);
    assert.deepEqual((await checkStore(store)).findings, []);
    assert.ok((await stat(entry)).isFile());
  });

  it('the check runs while the store is served and changed', async (test) => {
    const store = await wire.newStore(test);
    const server = await wire.serveStore(test, store);
    const pushing = wire.together(3, async (n) => {
      for (let round = 0; round < 10; round++) {
        const blobs = [wire.blobOf('{}'), wire.blobOf(randomBytes(5_000))];
        for (const blob of blobs) assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
        assert.equal(await wire.pushManifest(server.url, 'app', `t${n}`, wire.imageOf(blobs)), 201);
      }
    });
    const reports = [await checkStore(store), await checkStore(store)];
    await pushing;
    for (const { findings } of [...reports, await checkStore(store)]) assert.deepEqual(findings, []);
  });
});

describe('a blob whose file was damaged', () => {
  const { digest } = layer.descriptor;

  it('a damaged blob is never served whole, then counts as missing, and a push heals it for all repositories', async (test) => {
    const store = await filled(test, (repository) => give(repository, layer));
    await using registry = await openDiskRegistry(store);
    const [app, other] = ['app', 'other'].map((name) => registry.repository(name));
    assert.ok(app !== undefined && other !== undefined);
    await other.blobs.mount(digest, { from: 'app' });
    await spoil(blobPath(store, digest));
    await failsWith(read(app.blobs.open(digest)), 'DIGEST_INVALID');
    assert.equal(await app.blobs.stat(digest), undefined);
    assert.equal(await other.blobs.mount(digest, { from: 'app' }), undefined);
    await (await other.blobs.start()).commit(digest, layer.content);
    for (const { blobs } of [app, other]) assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
    assert.deepEqual((await checkStore(store)).findings, []);
  });

  it('a damaged blob exists again after it was deleted and pushed again', async (test) => {
    const store = await filled(test, (repository) => give(repository, layer));
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('app');
    await spoil(blobPath(store, digest));
    await failsWith(read(blobs.open(digest)), 'DIGEST_INVALID');
    assert.equal(await blobs.delete(digest), true);
    await (await blobs.start()).commit(digest, layer.content);
    assert.deepEqual(await blobs.stat(digest), layer.descriptor);
    assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
  });

  it('a push that knows the bytes finds the damage, also of the same length', async (test) => {
    const store = await filled(test, (repository) => give(repository, layer));
    for (const harm of [spoil, (path: string) => truncate(path, 3)]) {
      await harm(blobPath(store, digest));
      await using registry = await openDiskRegistry(store);
      const { blobs } = registry.repository('new');
      await (await blobs.start()).commit(digest, layer.content);
      assert.deepEqual(await read(blobs.open(digest)), layer.bytes);
    }
    assert.deepEqual((await checkStore(store)).findings, []);
  });

  it('a sound blob is stored once, and its bytes are written once, when another repository pushes it', async (test) => {
    const store = await filled(test, (repository) => give(repository, layer));
    const { ino } = await stat(blobPath(store, digest));
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('other');
    await (await blobs.start()).commit(digest, layer.content);
    assert.equal((await stat(folderOf(store, 'other').blobPath(digest))).ino, ino);
    assert.deepEqual(await readdir(join(store, 'uploads')), []);
  });
});

describe('a large blob that was hashed as it came in', () => {
  const large = blobOf('a large layer '.repeat(100_000));
  const { digest } = large.descriptor;

  it('a large blob is hashed again when its file has changed since the upload', async (test) => {
    const store = await wire.newStore(test);
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('app');
    await (await blobs.start()).commit(digest, large.content);
    assert.deepEqual(await read(blobs.open(digest)), large.bytes);
    await spoil(folderOf(store).blobPath(digest));
    await failsWith(read(blobs.open(digest)), 'DIGEST_INVALID');
    assert.equal(await blobs.stat(digest), undefined);
  });
});

describe('an upload whose bytes do not get to the disk', () => {
  it('an upload whose bytes cannot reach the disk ends at once, since a retry would be reported as a success', async (test) => {
    const store = await wire.newStore(test);
    await using registry = await openDiskRegistry(store);
    const { blobs } = registry.repository('app');
    const upload = await blobs.start();
    await upload.append(layer.content);
    for (const name of await readdir(join(store, 'uploads'))) await rm(join(store, 'uploads', name));
    await failsWith(upload.commit(layer.descriptor.digest), 'IO_FAILED');
    await failsWith(upload.commit(layer.descriptor.digest), 'BLOB_UPLOAD_UNKNOWN');
    await failsWith(blobs.resume(upload.id), 'BLOB_UPLOAD_UNKNOWN');
  });
});

describe('a link in the place of a file', {
  skip: process.platform === 'win32' && 'links need rights',
}, () => {
  it('a link is no blob and no tag, wherever it leads', async (test) => {
    const store = await filled(test, (repository) => giveImage(repository, { layers: [layer] }, 'v1'));
    const folder = folderOf(store);
    const { digest } = layer.descriptor;
    for (const path of [folder.blobPath(digest), folder.tagPath('v1')]) {
      const target = `${store}.elsewhere`;
      await rename(path, target);
      await symlink(target, path);
    }
    await using registry = await openDiskRegistry(store);
    const { blobs, manifests } = registry.repository('app');
    assert.equal(await blobs.stat(digest), undefined);
    await failsWith(read(blobs.open(digest)), 'IO_FAILED');
    assert.equal(await manifests.resolve('v1'), undefined);
  });
});

describe('an upload that nobody goes on with', () => {
  it('an idle upload is removed after its time at a start and later, and an active one is not', async (test) => {
    const store = await wire.newStore(test);
    const hour = 3_600_000;
    const ids: string[] = [];
    {
      await using registry = await openDiskRegistry(store);
      for (let n = 0; n < 2; n++) {
        const upload = await registry.repository('app').blobs.start();
        await upload.append(bytesContent(layer.bytes));
        ids.push(upload.id);
      }
    }
    const uploads = join(store, 'uploads');
    const [old = ''] = (await readdir(uploads)).filter((name) => name.startsWith(ids[0] ?? '?'));
    await utimes(join(uploads, old), new Date(Date.now() - 25 * hour), new Date(Date.now() - 25 * hour));
    await writeFile(join(store, 'tmp', crypto.randomUUID()), 'half a file');
    await using registry = await openDiskRegistry(store, { sessionTtl: 24 * hour });
    const { blobs } = registry.repository('app');
    await failsWith(blobs.resume(ids[0] ?? ''), 'BLOB_UPLOAD_UNKNOWN');
    assert.equal((await blobs.resume(ids[1] ?? '')).offset, layer.bytes.byteLength);
    assert.deepEqual(await readdir(join(store, 'tmp')), []);
  });
});

describe('a store and the disk below it', () => {
  it('a store is taken over from a killed server, and from no other', async (test) => {
    const store = await wire.newStore(test);
    const first = await wire.serveStore(test, store);
    const refused = await gantry(['serve', '--disk', store]);
    assert.equal(refused.code, 1);
    assert.ok(refused.stderr.includes(`${first.child.pid}`));
    await first.kill();
    const second = await wire.serveStore(test, store);
    assert.equal(await wire.statusOf(`${second.url}/v2/`), 200);
  });

  it('a store that may not be written to is reported in one line', { skip: noMounts }, async (test) => {
    const disk = smallDisk(test);
    lock(disk);
    const { code, stderr } = await gantry(['serve', '--disk', disk]);
    assert.equal(code, 4);
    assert.match(stderr, /^gantry: [^\n]*read-only\n$/);
  });

  it('on a full disk only content that does not fit fails, and everything works again when there is room', {
    skip: noMounts,
  }, async (test) => {
    const store = join(smallDisk(test), 'store');
    const server = await wire.serveStore(test, store);
    const small = [wire.blobOf('{}'), wire.blobOf(randomBytes(100_000))];
    for (const blob of small) assert.equal(await wire.pushBlob(server.url, 'app', blob), 201);
    assert.equal(await wire.pushManifest(server.url, 'app', 'v1', wire.imageOf(small)), 201);
    for (const _ of [1, 2]) {
      assert.equal(await wire.pushBlob(server.url, 'app', wire.blobOf(randomBytes(3_000_000))), 503);
    }
    assert.deepEqual(await readdir(join(store, 'uploads')), []);
    // The store has not changed, and content that fits goes in.
    assert.equal(await wire.served(server.url, 'app/manifests/v1'), wire.imageOf(small).digest);
    const another = wire.blobOf(randomBytes(100_000));
    assert.equal(await wire.pushBlob(server.url, 'app', another), 201);
    // Fills the disk to the last page: not even a manifest goes in, and nothing of it stays.
    const filler = join(dirname(store), 'filler');
    await writeFile(filler, randomBytes(900_000)).catch(() => undefined);
    const next = wire.imageOf([...small, another]);
    assert.equal(await wire.pushManifest(server.url, 'app', 'v2', next), 503);
    assert.equal(await wire.served(server.url, 'app/manifests/v2'), 404);
    assert.equal(await wire.served(server.url, `app/blobs/${another.digest}`), another.digest);
    assert.deepEqual((await checkStore(store)).findings, []);
    await rm(filler);
    assert.equal(await wire.pushManifest(server.url, 'app', 'v2', next), 201);
    assert.equal(await wire.served(server.url, 'app/manifests/v2'), next.digest);
    assert.deepEqual((await checkStore(store)).findings, []);
    assert.deepEqual(await readdir(join(store, 'tmp')), []);
  });
});

describe('a repository that is being served', needs('skopeo'), () => {
  it('other tools can read a served repository as an image layout some seconds after a push', async (test) => {
    const store = await wire.newStore(test);
    const server = await wire.serveStore(test, store);
    const config = wire.blobOf(
      JSON.stringify({ os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } }),
    );
    assert.equal(await wire.pushBlob(server.url, 'acme/app', config), 201);
    const pushed = wire.imageOf([config]);
    assert.equal(await wire.pushManifest(server.url, 'acme/app', 'v1', pushed), 201);
    const { layout } = folderOf(store, 'acme/app');
    await changed(layout, 'index.json');
    const raw = await output('skopeo', ['inspect', '--raw', `oci:${layout}:v1`]);
    assert.equal(wire.blobOf(raw).digest satisfies Digest, pushed.digest);
  });
});

/** Resolves when the file exists. */
async function changed(folder: string, name: string): Promise<void> {
  const { watch } = await import('node:fs/promises');
  await mkdir(folder, { recursive: true });
  const stop = new AbortController();
  const events = watch(folder, { signal: stop.signal });
  for await (const _ of events) if ((await readdir(folder)).includes(name)) return;
}
