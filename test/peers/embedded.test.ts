import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { listOf } from '../../src/testing/contract/sample.ts';
import { needs } from '../peer.ts';
import { secret } from '../secret.ts';
import { createTrust, type Embedded, password, settings, startEmbedded, type Trust } from './embedded.ts';
import { type EmbeddedClient, embeddedClients, type Pushed, type Session } from './embedded-clients.ts';
import { gzipLayer, imageOf, partsOf, save, saveLayout, tag } from './images.ts';
import { openPodman, type Podman } from './podman.ts';

/**
 * The embedded registry and common clients: each client, each operation, in each setting. Each cell is independent: the
 * test puts the needed content into the store, and looks up the result there. Indexes, other formats, and gantry as the
 * client have tests of their own: exchange.test.ts, formats.test.ts, podman.test.ts.
 */

const image = await imageOf('amd64', [await gzipLayer('pushed')]);
const parts = await partsOf(image);

interface Scene {
  readonly session: Session;
  readonly embedded: Embedded;
  readonly pushed: Pushed;
  /** A path without a file. */
  readonly free: string;
}

describe('the embedded registry', needs('skopeo', 'crane', 'oras', 'podman', 'openssl'), () => {
  // podman makes a name of the path, and names have no capitals.
  const home = join(tmpdir(), `gantry-peers-${crypto.randomUUID()}`);
  let trust: Trust;
  let podman: Podman;
  let pushed: Pushed;
  before(async () => {
    trust = await createTrust();
    podman = await openPodman({ env: { SSL_CERT_FILE: trust.caFile } });
    const layout = join(home, 'layout');
    await saveLayout(image, layout);
    pushed = { layout, podmanId: (await podman('pull', '-q', `oci:${layout}:${tag}`)).trim() };
  });
  after(async () => {
    await podman[Symbol.asyncDispose]();
    await trust[Symbol.asyncDispose]();
    await rm(home, { recursive: true, force: true });
  });

  for (const setting of settings) {
    describe(`(${setting.name})`, () => {
      let embedded: Embedded;
      before(async () => {
        embedded = await startEmbedded(setting, trust);
      });
      after(() => embedded[Symbol.asyncDispose]());

      if (setting.login !== 'none' && !setting.tls) {
        it(`the registry asks for ${setting.login === 'tokens' ? 'a token' : 'a password'}`, async () => {
          const { status, headers } = await fetch(`http://${embedded.host}/v2/`);
          assert.equal(status, 401);
          const scheme = setting.login === 'tokens' ? /^Bearer / : /^Basic /;
          assert.match(headers.get('www-authenticate') ?? '', scheme);
        });
      }

      for (const client of embeddedClients) {
        const folder = join(home, setting.name.replaceAll(/\W+/g, '-').toLowerCase(), client.name);
        before(() => mkdir(folder, { recursive: true }));
        const session = (): Session => ({ host: embedded.host, home: folder, setting, trust, podman });
        const scene = (): Scene => ({ session: session(), embedded, pushed, free: join(folder, 'pulled') });
        if (setting.login !== 'none') logsIn(client, scene);
        moves(client, scene);
        lists(client, scene);
        deletes(client, scene);
      }
    });
  }
});

function logsIn(client: EmbeddedClient, scene: () => Scene): void {
  it(`${client.name} logs in, and not with a wrong password`, async () => {
    const { session, pushed } = scene();
    const wrong = await client.login(session, secret('embedded-wrong'));
    // crane stores any login, and notices a wrong one later.
    if (wrong.code === 0) {
      await assert.rejects(client.push(session, pushed, `${session.host}/${client.name}/wrong:1`));
    }
    const { code, stderr } = await client.login(session, password);
    assert.equal(code, 0, stderr);
  });
}

function moves({ name, push, pull, copy }: EmbeddedClient, scene: () => Scene): void {
  it(`${name} pushes`, async () => {
    const { session, embedded, pushed } = scene();
    await push(session, pushed, `${session.host}/${name}/pushed:1`);
    const { manifests, blobs } = embedded.registry.repository(`${name}/pushed`);
    const { body } = await manifests.get('1');
    assert.ok(body.kind === 'image');
    assert.ok(parts.blobs.includes(body.config.digest));
    // podman compresses the layers again.
    for (const { digest } of [body.config, ...body.layers]) assert.ok(await blobs.stat(digest), digest);
    if (name !== 'podman') assert.equal((await manifests.resolve('1'))?.digest, parts.root);
  });

  it(`${name} pulls`, async () => {
    const { session, embedded, free } = scene();
    // An image that podman cannot have from another test.
    const fresh = await imageOf('amd64', [
      await gzipLayer(`${session.setting.name} ${name}`.replaceAll(',', '')),
    ]);
    await save(fresh, embedded.registry.repository(`${name}/pulled`), '1');
    const pulled = await pull(session, `${session.host}/${name}/pulled:1`, free);
    const { body } = await fresh.manifest();
    const wanted = name === 'podman' ? [body.config.digest] : (await partsOf(fresh)).blobs;
    assert.deepEqual(pulled, wanted);
  });

  if (typeof copy === 'string') return;
  it(`${name} copies`, async () => {
    const { session, embedded } = scene();
    await save(image, embedded.registry.repository(`${name}/copied`), '1');
    await copy(session, `${session.host}/${name}/copied:1`, `${session.host}/${name}/copy:2`);
    const copied = await embedded.registry.repository(`${name}/copy`).manifests.resolve('2');
    assert.equal(copied?.digest, parts.root);
  });
}

function lists({ name, tags, catalog }: EmbeddedClient, scene: () => Scene): void {
  it(`${name} lists tags`, async () => {
    const { session, embedded } = scene();
    const listed = embedded.registry.repository(`${name}/listed`);
    for (const tag of ['b', 'a', '1.0']) await save(image, listed, tag);
    assert.deepEqual(await tags(session, `${session.host}/${name}/listed`), ['1.0', 'a', 'b']);
  });

  if (typeof catalog === 'string') return;
  it(`${name} lists repositories`, async () => {
    const { session, embedded } = scene();
    const there = await listOf(embedded.registry.repositories());
    const wanted = name === 'podman' ? there.filter((one) => one.startsWith('podman/')) : there;
    assert.ok(wanted.length > 0);
    assert.deepEqual([...(await catalog(session))].sort(), wanted);
  });
}

function deletes({ name, deleteTag, deleteManifest }: EmbeddedClient, scene: () => Scene): void {
  if (typeof deleteTag !== 'string') {
    it(`${name} deletes a tag`, async () => {
      const { session, embedded } = scene();
      const repository = embedded.registry.repository(`${name}/untagged`);
      for (const tag of ['1', '2']) await save(image, repository, tag);
      await deleteTag(session, `${session.host}/${name}/untagged:1`);
      assert.deepEqual(await listOf(repository.tags.list()), ['2']);
    });
  }

  if (typeof deleteManifest === 'string') return;
  it(`${name} deletes a manifest with all its tags`, async () => {
    const { session, embedded } = scene();
    const { manifests, ...repository } = embedded.registry.repository(`${name}/deleted`);
    const other = await imageOf('amd64', [await gzipLayer('other')]);
    for (const tag of ['1', '2']) await save(image, { manifests, ...repository }, tag);
    await save(other, { manifests, ...repository }, '3');
    await deleteManifest(session, `${session.host}/${name}/deleted`, parts.root);
    assert.equal(await manifests.resolve(parts.root), undefined);
    assert.deepEqual(await listOf(repository.tags.list()), ['3']);
  });
}
