import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { digestOf } from '../../src/flow/hash.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { listening } from '../listening.ts';
import { fakeRegistry } from './fake-registry.ts';
import { type Ended, gantry } from './gantry.ts';
import { makeImage, store } from './images.ts';

/** Asserts one line on stderr that names the thing at fault, nothing on stdout, and no stack. */
function assertRefused({ code, stdout, stderr }: Ended, expected: number, names: string): void {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^gantry: [^\n]+\n$/);
  assert.ok(stderr.includes(names), `${stderr} does not name ${names}`);
  assert.doesNotMatch(stderr, /\bat .*:\d+:\d+|unexpected \w*Error/);
}

describe('a usage error ends with 2 before any request', () => {
  for (const [line, names] of [
    ['manifest localhost:1/Upper/case', 'Upper'],
    ['digest localhost:1/a:b:c', 'localhost:1/a:b:c'],
    ['digest localhost:1/a@sha256:abc', 'sha256:abc'],
    ['digest localhost:1/a@md5', 'md5'],
    ['blob localhost:1/a:tag', 'localhost:1/a:tag'],
    ['ls localhost:1/a:tag', 'localhost:1/a:tag'],
    ['catalog not/a/registry', 'not/a/registry'],
    ['tag localhost:1/a:1 not/a/tag', 'not/a/tag'],
    ['copy localhost:1/a oci:', 'oci:'],
    ['push . localhost:1/A', 'localhost:1/A'],
    ['digest --platform linux localhost:1/a', 'linux'],
    ['digest --platform a/b --platform c/d localhost:1/a', '--platform'],
    ['pull --platform a/b,c/d localhost:1/a x.tar', '--platform'],
    ['pull --format zip localhost:1/a x.tar', 'zip'],
    ['copy -j many localhost:1/a localhost:1/b', 'many'],
    ['digest', 'IMAGE'],
    ['digest --tarball x.tar --full-ref', '--full-ref'],
    ['digest --tarball x.tar localhost:1/a', '--tarball'],
    ['validate', '--remote'],
    ['serve --address nonsense', 'nonsense'],
    ['completion tcsh', 'tcsh'],
    ['auth login r.example', '--password'],
    ['auth login r.example -u me -p x --password-stdin', '--password-stdin'],
    ['auth get not/a/registry', 'not/a/registry'],
    ['psh a b', 'push'],
    ['ls --full-rf a', '--full-ref'],
    ['push a', 'IMAGE'],
  ] as const) {
    it(`gantry ${line} ends with exit code 2 before any request`, async () =>
      assertRefused(await gantry(line.split(' ')), 2, names));
  }
});

describe('a missing thing ends with 3', () => {
  it('a missing image, repository, blob or path ends a command with exit code 3', async () => {
    await using registry = await startRegistry();
    await store(registry.registry, 'app', ['1'], await makeImage('hello'));
    const { host } = registry;
    const digest = digestOf(new Uint8Array([1]));
    for (const [line, names] of [
      [`digest ${host}/app:2`, `${host}/app:2`],
      [`manifest ${host}/none:1`, `${host}/none:1`],
      [`manifest ${host}/app@${digest}`, digest],
      [`ls ${host}/none`, `${host}/none`],
      [`blob ${host}/app@${digest}`, digest],
      [`copy ${host}/app:2 ${host}/copy:1`, `app:2`],
      [`tag ${host}/app:2 3`, `${host}/app:2`],
      [`delete ${host}/app:2`, `${host}/app:2`],
      [`validate --remote ${host}/app:2`, `app:2`],
      [`push ./nothing-here ${host}/app:2`, './nothing-here'],
      [`copy oci:./nothing-here ${host}/app:2`, 'nothing-here'],
      [`copy oci-archive:./nothing-here ${host}/app:2`, './nothing-here'],
    ] as const) {
      assertRefused(await gantry(line.split(' ')), 3, names);
    }
  });
});

const image = {
  schemaVersion: 2,
  config: { mediaType: 'a/b', digest: digestOf(new Uint8Array()), size: 0 },
  layers: [],
};
const ociManifest = 'application/vnd.oci.image.manifest.v1+json';

const registries: readonly (readonly [string, RequestListener, number, string])[] = [
  ['that wants a login', status(401, { 'www-authenticate': 'Basic realm="r"' }), 4, 'app'],
  ['that forbids it', status(403), 4, 'app'],
  ['that is broken', status(501), 1, '501'],
  [
    'that speaks HTML',
    (_, to) => to.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>'),
    1,
    'app',
  ],
  [
    'whose 404 is HTML',
    (_, to) => to.writeHead(404, { 'content-type': 'text/html' }).end('<html></html>'),
    3,
    'app',
  ],
  ['that says nothing and hangs up', (_, to) => to.destroy(), 5, '127.0.0.1'],
  [
    'whose manifest is over 4 MiB',
    json(`{"schemaVersion":2,"x":"${'x'.repeat(4 * 1024 * 1024)}"}`),
    1,
    'app',
  ],
  ['whose manifest is no JSON', json('{"schemaVersion":2,'), 1, 'app'],
  ['whose manifest is both index and image', json(JSON.stringify({ ...image, manifests: [] })), 1, 'app'],
];

function status(code: number, headers: Record<string, string> = {}): RequestListener {
  return (_, to) => to.writeHead(code, headers).end();
}

function json(body: string): RequestListener {
  return (_, to) => to.writeHead(200, { 'content-type': ociManifest }).end(body);
}

describe('a registry', () => {
  for (const [name, answer, code, names] of registries) {
    it(`a registry ${name} ends a command with exit code ${code}`, async (test) => {
      const host = await fakeRegistry(test, answer);
      assertRefused(await gantry(['config', `${host}/app:1`]), code, names);
    });
  }

  it('a refused connection ends a command with 5', async () => {
    assertRefused(await gantry(['digest', 'localhost:1/app:1']), 5, 'localhost:1');
  });

  for (const [name, body, code] of [
    // The request covers further bytes, which never arrive.
    ['shorter', 'hell', 5],
    ['longer', 'hello world', 1],
    ['another', 'HELLO', 1],
  ] as const) {
    it(`a blob that is ${name} than its digest says ends blob with ${code}, and no file stays`, async (test) => {
      const layer = {
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
        digest: digestOf(Buffer.from('hello')),
        size: 5,
      };
      // Docker archives accept this config.
      const config = { ...image.config, mediaType: 'application/vnd.oci.image.config.v1+json' };
      const manifest = JSON.stringify({ ...image, config, layers: [layer] });
      const host = await fakeRegistry(test, (from, to) => {
        if (from.url?.includes('/manifests/')) return json(manifest)(from, to);
        to.writeHead(200, { 'content-type': 'application/octet-stream' }).end(
          from.url?.endsWith(layer.digest) ? body : '',
        );
      });
      const cwd = await folder(test);
      for (const command of [
        ['pull', '--progress', 'none', `${host}/app:1`, 'app.tar'],
        ['pull', '--progress', 'none', '--format', 'oci', `${host}/app:1`, 'layout'],
      ]) {
        assertRefused(await gantry(command, { cwd }), code, layer.digest);
        assert.deepEqual(await readdir(cwd), []);
      }
      const blob = await gantry(['blob', `${host}/app@${layer.digest}`], { cwd });
      assert.equal(blob.code, 1);
      assert.ok(blob.stderr.includes(layer.digest));
    });
  }
});

describe('files and ports of this machine', () => {
  it('a file that is not an archive is named', async (test) => {
    await using registry = await startRegistry();
    const cwd = await folder(test);
    await writeFile(join(cwd, 'notes.txt'), 'these are notes');
    for (const command of [
      ['push', '--progress=none', 'notes.txt', `${registry.host}/app:1`],
      ['digest', '--tarball', 'notes.txt'],
      ['validate', '--tarball', 'notes.txt'],
      ['copy', '--progress=none', 'docker-archive:notes.txt', `${registry.host}/app:1`],
    ]) {
      assertRefused(await gantry(command, { cwd }), 1, 'notes.txt');
    }
    for await (const name of registry.registry.repositories()) assert.fail(`${name} was made`);
  });

  it('a layout whose layer is missing leaves no tag behind', async (test) => {
    await using registry = await startRegistry();
    const cwd = await folder(test);
    const made = await makeImage('hello');
    await store(registry.registry, 'source', ['1'], made);
    await gantry(['pull', '--format=oci', `${registry.host}/source:1`, 'layout'], { cwd });
    const [layer] = (await made.manifest()).body.layers;
    assert.ok(layer);
    const [algorithm = '', encoded = ''] = layer.digest.split(':');
    await writeFile(join(cwd, 'layout', 'blobs', algorithm, encoded), '');
    await using target = await startRegistry();
    const ended = await gantry(['push', '--progress=none', 'layout', `${target.host}/app:1`], { cwd });
    assertRefused(ended, 1, layer.digest);
    assert.equal((await gantry(['digest', `${target.host}/app:1`])).code, 3);
  });

  it('a port in use is named', async (test) => {
    const address = `127.0.0.1:${await listening(test, createServer())}`;
    assertRefused(await gantry(['serve', '--address', address]), 1, address);
  });

  const root = process.getuid?.() === 0;
  it('a folder that may not be written to ends with 4', {
    skip: root
      ? 'root may write everywhere'
      : process.platform === 'win32'
        ? 'no such modes on Windows'
        : false,
  }, async (test) => {
    const cwd = await folder(test);
    await mkdir(join(cwd, 'locked'));
    await chmod(join(cwd, 'locked'), 0o500);
    assertRefused(await gantry(['serve', '--disk', 'locked/store'], { cwd }), 4, 'locked');
  });
});
