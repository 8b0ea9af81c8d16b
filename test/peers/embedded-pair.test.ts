import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import type { Registry, Repository } from '../../src/store/contract.ts';
import {
  blobOf,
  emptyConfig,
  give,
  giveImage,
  listOf,
  imageOf as manifestOf,
} from '../../src/testing/contract/sample.ts';
import { needs } from '../peer.ts';
import { basicOf } from '../secret.ts';
import {
  createTrust,
  type Embedded,
  password,
  settings,
  startEmbedded,
  type Trust,
  user,
} from './embedded.ts';
import { access, craneOutput, orasOutput, orasWay, type Session, side } from './embedded-clients.ts';
import { gzipLayer, imageOf, indexOfTwo, partsOf, save, saveLayout, tag } from './images.ts';
import { openPodman, type Podman } from './podman.ts';

/**
 * Operations that only one tool has, at two embedded registries, one in memory and one on disk, both with a login and
 * TLS. crane knows no digests but sha256, and skopeo and podman read no config by sha512. Only oras knows referrers.
 */

const image = await imageOf('amd64', [await gzipLayer('base')]);
const other = await imageOf('arm64', [await gzipLayer('base'), await gzipLayer('other')]);
const index = await indexOfTwo();

const pairs = [
  ['memory, tokens over TLS', 'disk, Basic over TLS'],
  ['disk, Basic over TLS', 'memory, tokens over TLS'],
] as const;

for (const [from, to] of pairs) {
  describe(
    `from an embedded registry (${from}) to another (${to})`,
    needs('skopeo', 'crane', 'oras', 'podman', 'openssl'),
    () => {
      exchange(from, to);
    },
  );
}

interface Ends {
  readonly from: Embedded;
  readonly to: Embedded;
  readonly session: Session;
}

function exchange(...names: readonly [string, string]): void {
  let home: string;
  let trust: Trust;
  let podman: Podman;
  let all: readonly Embedded[];
  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'gantry-pair-'));
    trust = await createTrust();
    podman = await openPodman({ env: { SSL_CERT_FILE: trust.caFile } });
    all = await Promise.all(names.map((name) => startEmbedded(settingOf(name), trust)));
    const auth = basicOf(user, password).slice('Basic '.length);
    const auths = Object.fromEntries(all.map(({ host }) => [host, { auth }]));
    await writeFile(join(home, 'config.json'), JSON.stringify({ auths }));
  });
  after(async () => {
    for (const one of all) await one[Symbol.asyncDispose]();
    await podman[Symbol.asyncDispose]();
    await trust[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });
  const ends = (): Ends => {
    const [from, to] = all;
    assert.ok(from !== undefined && to !== undefined);
    const setting = settingOf(names[0]);
    return { from, to, session: { host: from.host, home, setting, trust, podman } };
  };
  skopeo(ends);
  crane(ends);
  oras(ends);
  podmanPushes(ends);
}

function settingOf(name: string): (typeof settings)[number] {
  const found = settings.find((setting) => setting.name === name);
  assert.ok(found !== undefined);
  return found;
}

function skopeo(ends: () => Ends): void {
  it('skopeo copies an index', async () => {
    const { from, to, session } = ends();
    await save(index, from.registry.repository('acme/all'), '1');
    const both = [...side(session, 'src'), ...side(session, 'dest')];
    const places = [`docker://${from.host}/acme/all:1`, `docker://${to.host}/copied/all:1`];
    await output('skopeo', ['copy', '--insecure-policy', '--all', '--preserve-digests', ...both, ...places]);
    assert.equal(await digestOf(to, 'copied/all', '1'), (await partsOf(index)).root);
  });

  it('skopeo syncs a repository with all its tags', async () => {
    const { from, to, session } = ends();
    const repository = from.registry.repository('acme/synced');
    for (const [one, tag] of [
      [image, '1'],
      [other, '2'],
      [image, 'latest'],
    ] as const) {
      await save(one, repository, tag);
    }
    const both = [...side(session, 'src'), ...side(session, 'dest')];
    const places = [`${from.host}/acme/synced`, `${to.host}/mirror`];
    await output('skopeo', [
      'sync',
      '--insecure-policy',
      '--all',
      '--preserve-digests',
      '--src=docker',
      '--dest=docker',
      ...both,
      ...places,
    ]);
    assert.deepEqual(await tagsOf(to.registry, 'mirror/synced'), await tagsOf(from.registry, 'acme/synced'));
  });
}

function crane(ends: () => Ends): void {
  it('crane makes an index of images that are there, and of one from elsewhere', async () => {
    const { from, to, session } = ends();
    await save(image, to.registry.repository('crane/made'), 'amd64');
    await save(other, from.registry.repository('crane/other'), 'arm64');
    const made = `${to.host}/crane/made`;
    const parts = ['-m', `${made}:amd64`, '-m', `${from.host}/crane/other:arm64`];
    await craneOutput(session, 'index', 'append', ...parts, '-t', `${made}:all`);
    assert.deepEqual(
      await imagesIn(to.registry.repository('crane/made'), 'all'),
      [(await partsOf(image)).root, (await partsOf(other)).root].sort(),
    );
  });
}

function oras(ends: () => Ends): void {
  it('oras discovers the referrers of an image, and copies them with it', async () => {
    const { from, to, session } = ends();
    const repository = from.registry.repository('acme/signed');
    const subject = (await giveImage(repository, {}, '1')).descriptor;
    const note = manifestOf({ subject, artifactType: 'application/vnd.example.note' });
    const onNote = manifestOf({ subject: note.descriptor, artifactType: 'application/vnd.example.more' });
    for (const manifest of [note, onNote]) await repository.manifests.put(manifest);
    const reference = `${from.host}/acme/signed:1`;
    const said = await orasOutput(session, 'discover', '--format=json', ...orasWay(session, ''), reference);
    for (const { descriptor } of [note, onNote]) assert.ok(said.includes(descriptor.digest), said);

    const ways = [...orasWay(session, 'from-'), ...orasWay(session, 'to-')];
    await orasOutput(session, 'cp', '-r', ...ways, reference, `${to.host}/copied/signed:1`);
    const copied = to.registry.repository('copied/signed');
    for (const [one, wanted] of [
      [subject, note],
      [note.descriptor, onNote],
    ] as const) {
      const found = await listOf(copied.referrers(one.digest));
      assert.deepEqual(
        found.map(({ digest }) => digest),
        [wanted.descriptor.digest],
      );
    }
  });

  it('oras copies content named by sha512, its manifest by digest', async () => {
    const { from, to, session } = ends();
    const layer = blobOf('a layer', 'sha512');
    const config = blobOf(emptyConfig.bytes, 'sha512');
    const repository = from.registry.repository('acme/long');
    await give(repository, layer, config);
    const manifest = manifestOf({ config, layers: [layer], algorithm: 'sha512' });
    await repository.manifests.put(manifest);
    const { digest } = manifest.descriptor;
    const ways = [...orasWay(session, 'from-'), ...orasWay(session, 'to-')];
    await orasOutput(session, 'cp', ...ways, `${from.host}/acme/long@${digest}`, `${to.host}/copied/long`);
    const copied = to.registry.repository('copied/long');
    assert.deepEqual((await copied.manifests.get(digest)).bytes, manifest.bytes);
    for (const { descriptor } of [layer, config]) assert.ok(await copied.blobs.stat(descriptor.digest));
  });

  it('oras pushes a blob, and deletes it', async () => {
    const { to, session } = ends();
    const file = join(session.home, 'blob');
    await writeFile(file, 'a blob');
    const { digest } = blobOf('a blob').descriptor;
    const reference = `${to.host}/blobs/app@${digest}`;
    const { blobs } = to.registry.repository('blobs/app');
    await orasOutput(session, 'blob', 'push', ...orasWay(session, ''), reference, file);
    assert.equal((await blobs.stat(digest))?.size, 6);
    await orasOutput(session, 'blob', 'delete', '--force', ...orasWay(session, ''), reference);
    assert.equal(await blobs.stat(digest), undefined);
  });
}

function podmanPushes(ends: () => Ends): void {
  it('podman pushes a manifest list with its images', async () => {
    const { to, session } = ends();
    const { podman, ...rest } = session;
    // podman makes a name of the path, and names have no capitals.
    const home = join(tmpdir(), `gantry-pair-${crypto.randomUUID()}`);
    await saveLayout(index, home);
    await podman('manifest', 'create', 'localhost/both');
    await podman('manifest', 'add', '--all', 'localhost/both', `oci:${home}:${tag}`);
    const pushed = `docker://${to.host}/podman/both:1`;
    await podman('manifest', 'push', '-q', '--all', ...access(rest), 'localhost/both', pushed);
    await rm(home, { recursive: true });
    const images = await index.children();
    const roots = await Promise.all(images.map(async (one) => (await partsOf(one)).root));
    assert.deepEqual(await imagesIn(to.registry.repository('podman/both'), '1'), roots.sort());
  });
}

async function digestOf(
  { registry }: Embedded,
  name: string,
  reference: string,
): Promise<string | undefined> {
  return (await registry.repository(name).manifests.resolve(reference))?.digest;
}

/** Returns each tag with its digest. */
async function tagsOf(registry: Registry, name: string): Promise<readonly (readonly string[])[]> {
  const { tags, manifests } = registry.repository(name);
  const found = (await listOf(tags.list())).map(async (tag) => [
    tag,
    (await manifests.get(tag)).descriptor.digest,
  ]);
  return Promise.all(found);
}

/** Returns the digests of the images of an index, all of which exist. */
async function imagesIn({ manifests }: Repository, reference: string): Promise<readonly string[]> {
  const { body } = await manifests.get(reference);
  assert.ok(body.kind === 'index');
  const found = body.manifests.map(async ({ digest }) => (await manifests.get(digest)).descriptor.digest);
  return (await Promise.all(found)).sort();
}
