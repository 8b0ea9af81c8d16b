import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { isGantryError } from '../errors.ts';
import type { Transport } from '../http/transport.ts';
import { createImage } from '../image/create.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { listOf } from '../testing/contract/sample.ts';
import { createClient } from './client.ts';
import { formatPlace, parsePlace, toPlace } from './place.ts';

/** Notes the announced requests. */
function tellingTransport() {
  const told: string[] = [];
  const transport: Transport = {
    send: () => assert.fail('nothing can be sent'),
    preconnect: async (url, requests) => {
      told.push(`${url} ${requests}`);
    },
    close: async () => undefined,
  };
  return { transport, told };
}

describe('a push', () => {
  const rows = [
    { name: 'of a layout announces a request for each of its blobs', path: 'layout', expected: 3 },
    {
      name: 'of a named image of a layout announces a request for each of its blobs',
      path: 'oci:layout:v1',
      expected: 3,
    },
    { name: 'of a file announces the usual number of requests', path: 'file.tar', expected: 8 },
    { name: 'of a missing path announces the usual number of requests', path: 'nothing', expected: 8 },
  ];
  for (const { name, path, expected } of rows) {
    it(`a push ${name}`, async (test) => {
      const folder = await mkdtemp(join(tmpdir(), 'gantry-place-'));
      atEnd(test, () => rm(folder, { recursive: true, force: true }));
      const blobs = join(folder, 'layout', 'blobs', 'sha256');
      await mkdir(blobs, { recursive: true });
      for (const blob of ['a', 'b', 'c']) await writeFile(join(blobs, blob), blob);
      await writeFile(join(folder, 'file.tar'), 'no archive');
      const { transport, told } = tellingTransport();
      await using client = createClient({ transport });
      const [, kind = '', at = ''] = /^(oci:)?(.*)$/.exec(path) ?? [];
      await assert.rejects(client.push(`${kind}${join(folder, at)}`, 'registry.example/app:1'));
      assert.deepEqual(told, [`https://registry.example ${expected}`]);
    });
  }
});

it('a copy announces one request to the destination for each blob of an image', async () => {
  const { transport, told } = tellingTransport();
  await using client = createClient({ transport });
  await assert.rejects(client.copy('from.example/app:1', 'to.example/app:1'));
  assert.deepEqual(told, ['https://from.example 4', 'https://to.example 8']);
});

describe('a place that is no place of gantry', () => {
  const foreign: readonly (readonly [text: string, advice: RegExp])[] = [
    ['containers-storage:alpine', /podman save/],
    ['dir:image', /oci:DIR/],
    ['ostree:image', /oci:DIR/],
    ['sif:image', /oci:DIR/],
    ['docker://alpine', /leave out/],
  ];
  for (const [text, advice] of foreign) {
    it(`foreign-places: gantry asks no registry for ${text}, and the error names the way that works`, async () => {
      const { transport } = tellingTransport();
      await using client = createClient({ transport });
      const uses = [
        () => client.copy(text, 'to.example/app:1'),
        () => client.copy('from.example/app:1', text),
        () => client.getManifest(text),
        () => client.getImage(text),
        () => client.tag(text, 'a'),
        () => client.delete(text),
        () => listOf(client.validate(text)),
        () => listOf(client.referrers(text)),
        async () => listOf(client.tags(text)),
      ];
      for (const use of uses) {
        await assert.rejects(
          use,
          (error) => isGantryError(error, 'INVALID_REFERENCE') && advice.test(error.message),
        );
      }
    });
  }

  it('foreign-places: images of Docker Hub whose names look like one stay images', () => {
    for (const text of ['docker:27', 'docker', 'dir', 'sif/app:1', 'registry.example/dir:1']) {
      assert.equal(parsePlace(text).kind, 'registry');
    }
  });
});

describe('a parsed place', () => {
  for (const text of [
    'ghcr.io/acme/app:1',
    'oci:folder:v1',
    'oci-archive:file.tar',
    'docker-archive:file.tar:ghcr.io/acme/app:1',
    'docker-daemon:ghcr.io/acme/app:1',
  ]) {
    it(`${text} survives formatting and parsing`, () => {
      const place = parsePlace(text);
      assert.equal(formatPlace(place), text);
      assert.deepEqual(toPlace(formatPlace(place)), place);
    });
  }

  it('every verb of an image in a registry takes a parsed place', async () => {
    const handler = createApp(createMemoryRegistry());
    await using client = createClient({ transport: handler, keychain: async () => undefined });
    const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [] });
    const place = parsePlace('registry.test/app:1');
    const { digest } = await client.pushImage(place, image);
    await client.tag(place, 'two');
    const copy = parsePlace('registry.test/copy:1');
    assert.equal((await client.copy(place, copy)).digest, digest);
    const manifest = await (await client.getImage(copy)).manifest();
    assert.equal(manifest.descriptor.digest, digest);
    await client.putManifest(parsePlace('registry.test/copy:2'), manifest);
    await client.delete(copy);
    const left = await listOf(client.deleteEach([copy, place]));
    assert.deepEqual(
      left.map(({ outcome }) => outcome),
      ['failed', 'deleted'],
    );
  });

  it('a push takes a place on disk, and refuses one in a registry by name', async () => {
    const { transport } = tellingTransport();
    await using client = createClient({ transport });
    await assert.rejects(client.push({ kind: 'oci', path: '/nowhere/layout' }, 'a.example/app'), (error) =>
      isGantryError(error, 'NAME_UNKNOWN'),
    );
    await assert.rejects(
      client.push(parsePlace('b.example/app'), 'a.example/app'),
      (error) => isGantryError(error, 'INVALID_OPTION') && /b\.example\/app.*"copy"/.test(error.message),
    );
  });

  it('a verb of an image in a registry refuses a parsed place on disk', async () => {
    const { transport } = tellingTransport();
    await using client = createClient({ transport });
    const place = parsePlace('oci:folder:v1');
    for (const use of [
      () => client.getImage(place),
      () => client.tag(place, 'a'),
      () => client.pull([place], 'file.tar'),
      async () => client.openBlob(place),
    ]) {
      await assert.rejects(
        use,
        (error) => isGantryError(error, 'INVALID_REFERENCE') && /"oci:folder:v1".*needed/.test(error.message),
      );
    }
  });
});

describe('a place on disk where a registry is needed', () => {
  for (const text of [
    'oci:folder',
    'oci-archive:file.tar:name',
    'docker-archive:file.tar',
    'docker-daemon:app:1',
  ]) {
    it(`needs-repository: ${text} is refused with the reason`, async () => {
      const { transport } = tellingTransport();
      await using client = createClient({ transport });
      const uses = [
        async () => listOf(client.tags(text)),
        () => client.blobExists(text, `sha256:${'a'.repeat(64)}`),
        async () => client.openBlob(text),
        () => listOf(client.copyRepository(text, 'to.example/app')),
        () => listOf(client.copyRepository('from.example/app', text)),
        () => client.getImage(text),
        () => client.tag(text, 'a'),
        () => client.delete(text),
      ];
      for (const use of uses) {
        await assert.rejects(
          use,
          (error) =>
            isGantryError(error, 'INVALID_REFERENCE') &&
            /(?:place on disk|docker daemon).*needed/.test(error.message),
        );
      }
    });
  }
});
