import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { createKeyedMutex } from '../flow/mutex.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, emptyConfig, failsWith, give, imageOf, indexOf } from '../testing/contract/sample.ts';
import { openBlobs } from './blobs.ts';
import { StoreCache } from './cache.ts';
import { DurableFiles, untilDone } from './durable.ts';
import { RepositoryFolder } from './folder.ts';
import { IndexWriter } from './index-writer.ts';
import { openManifests, openReferrers } from './manifests.ts';
import { BlobPool } from './pool.ts';
import { UploadSessions } from './sessions.ts';
import { Soundness } from './soundness.ts';
import type { RegistryState } from './state.ts';
import { openTags } from './tags.ts';

const layer = blobOf('a layer');

interface Stage extends Repository {
  readonly root: string;
  readonly folder: RepositoryFolder;
  /** What another process does once a put has found everything there, and before it writes. */
  meanwhile: () => Promise<unknown>;
  /** The work of another process after a put has written its manifest, and before it sets the tags. */
  beforeTags: () => Promise<unknown>;
}

async function createStage(test: TestContext): Promise<Stage> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-put-'));
  const repositories = join(root, 'repositories');
  const files = await DurableFiles.open(root);
  const cache = new StoreCache();
  const soundness = await Soundness.open(files);
  const pool = new BlobPool(files, soundness);
  const indexes = await IndexWriter.open(files, repositories);
  atEnd(test, async () => {
    await indexes.close();
    await rm(root, { recursive: true });
  });
  const folder = new RepositoryFolder(repositories, 'app');
  const tagTurns = createKeyedMutex();
  const state: RegistryState = {
    repositories,
    files,
    cache,
    soundness,
    pool,
    sessions: new UploadSessions(files, pool, cache),
    indexes,
    locks: new Map(),
    tagTurns: async (key, task, options) => {
      await made.beforeTags();
      return tagTurns(key, task, options);
    },
    turns: async (_, task) => {
      await made.meanwhile();
      return task(() => undefined);
    },
  };
  const made: Stage = {
    root,
    folder,
    name: folder.name,
    blobs: openBlobs(state, folder),
    manifests: openManifests(state, folder),
    tags: openTags(state, folder),
    referrers: openReferrers(state, folder),
    commit: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
    meanwhile: async () => undefined,
    beforeTags: async () => undefined,
  };
  return made;
}

describe('a put of a manifest beside a collection of garbage', () => {
  it('a put without one of its blobs is MANIFEST_BLOB_UNKNOWN, and nothing of it stays', async (test) => {
    const stage = await createStage(test);
    const { root, folder, manifests } = stage;
    const [subject, needed] = [blobOf('a subject').descriptor, layer.descriptor.digest];
    const image = imageOf({ layers: [layer], subject });
    await give(stage, emptyConfig, layer);
    stage.meanwhile = () => rm(folder.blobPath(needed));
    await failsWith(manifests.put(image, { tags: ['v1'] }), 'MANIFEST_BLOB_UNKNOWN');
    assert.deepEqual(await folder.manifests(), []);
    assert.deepEqual(await folder.referrers(subject.digest), []);
    assert.deepEqual(await folder.tags(), []);
    assert.equal(await folder.blobSize(image.descriptor.digest), undefined);
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
  });

  it('a repeated put without one of its blobs is MANIFEST_BLOB_UNKNOWN, and the old manifest stays', async (test) => {
    const stage = await createStage(test);
    const { folder, manifests } = stage;
    const image = imageOf({ layers: [layer] });
    await give(stage, emptyConfig, layer);
    await manifests.put(image, { tags: ['v1'] });
    stage.meanwhile = () => rm(folder.blobPath(layer.descriptor.digest));
    await failsWith(manifests.put(image, { tags: ['v2'] }), 'MANIFEST_BLOB_UNKNOWN');
    assert.deepEqual(await folder.manifests(), [image.descriptor.digest]);
    assert.deepEqual(await folder.tags(), ['v1']);
  });

  it('a put whose manifest and blob are collected before its tags are set leaves the tags as they were', async (test) => {
    const stage = await createStage(test);
    const { folder, manifests } = stage;
    const [old, image] = [imageOf(), imageOf({ layers: [layer] })];
    await give(stage, emptyConfig, layer);
    await manifests.put(old, { tags: ['v1'] });
    stage.beforeTags = async () => {
      stage.beforeTags = async () => undefined;
      await rm(folder.manifestPath(image.descriptor.digest));
      await rm(folder.blobPath(layer.descriptor.digest));
    };
    await failsWith(manifests.put(image, { tags: ['v1', 'v2'] }), 'MANIFEST_BLOB_UNKNOWN');
    assert.deepEqual(await folder.manifests(), [old.descriptor.digest]);
    assert.deepEqual(await folder.tags(), ['v1']);
    assert.equal((await manifests.get('v1')).descriptor.digest, old.descriptor.digest);
  });

  it('such a put removes its tag if the former image of the tag is collected, too', async (test) => {
    const stage = await createStage(test);
    const { folder, manifests } = stage;
    const [old, image] = [imageOf(), imageOf({ layers: [layer] })];
    await give(stage, emptyConfig, layer);
    await manifests.put(old, { tags: ['v1'] });
    stage.beforeTags = async () => {
      stage.beforeTags = async () => undefined;
      await rm(folder.manifestPath(image.descriptor.digest));
      await rm(folder.blobPath(layer.descriptor.digest));
      await rm(folder.manifestPath(old.descriptor.digest));
    };
    await failsWith(manifests.put(image, { tags: ['v1'] }), 'MANIFEST_BLOB_UNKNOWN');
    assert.deepEqual(await folder.tags(), []);
    assert.equal(await manifests.resolve('v1'), undefined);
  });

  it('a put without a child that a client was told exists is MANIFEST_BLOB_UNKNOWN', async (test) => {
    const stage = await createStage(test);
    const { folder, manifests } = stage;
    const child = imageOf();
    await give(stage, emptyConfig);
    await manifests.put(child);
    await rm(folder.manifestPath(child.descriptor.digest));
    await failsWith(manifests.put(indexOf([child.descriptor])), 'MANIFEST_BLOB_UNKNOWN');
    assert.deepEqual(await folder.manifests(), []);
  });
});

describe('writing so that it lasts', () => {
  it('a file that vanishes after each write is IO_FAILED after some tries', async () => {
    let tries = 0;
    const vanish = async (): Promise<boolean> => ++tries < 0;
    await failsWith(untilDone('/x', vanish), 'IO_FAILED');
    assert.ok(tries > 1 && tries < 100);
  });

  it('a write puts aside anything that stands in the place of its file or folder', async (test) => {
    const { root } = await createStage(test);
    const files = await DurableFiles.open(root);
    await mkdir(join(root, 'taken', 'below'), { recursive: true });
    await writeFile(join(root, 'a'), 'in the way');
    await files.replace(join(root, 'taken'), new Uint8Array(1));
    await files.folder(join(root, 'a', 'b'));
    assert.ok((await stat(join(root, 'taken'))).isFile());
    assert.deepEqual(await readdir(join(root, 'a', 'b')), []);
    const aside = (await readdir(join(root, 'aside'))).map((name) => name.replace(/^\d{13}\.[^.]*/, ''));
    assert.deepEqual(aside.sort(), ['.a', '.taken']);
  });

  it('a file that cannot get its name leaves nothing half-written, and gets the name later', async (test) => {
    const { root } = await createStage(test);
    const files = await DurableFiles.open(root);
    await mkdir(join(root, 'taken'));
    await writeFile(join(root, 'aside'), 'where nothing can be put aside');
    await failsWith(files.replace(join(root, 'taken'), new Uint8Array(1)), 'IO_FAILED');
    assert.deepEqual(await readdir(join(root, 'tmp')), []);
    await rm(join(root, 'aside'));
    await files.replace(join(root, 'taken'), new Uint8Array(1));
    assert.ok((await stat(join(root, 'taken'))).isFile());
  });
});
