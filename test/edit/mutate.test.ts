import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ConfigEdit } from '../../src/image/edit/config-edit.ts';
import { manifestOfBytes } from '../../src/json/make-manifest.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { configOf, file, findings, imageOf, put, type Stage, stage, tarOf } from './stage.ts';

const base = {
  'moby.buildkit.buildinfo.v1': 'e30=',
  container_config: { Hostname: 'a\u003cb' },
  config: {
    Env: ['PATH=/bin', 'A=1', 'B=2'],
    Entrypoint: ['/old'],
    Cmd: ['serve'],
    StopTimeout: 10,
    Healthcheck: { Test: ['CMD', 'true'], StartInterval: 5_000_000_000 },
    Labels: { old: 'yes' },
    Unknown: { deep: [1, 2] },
  },
};

async function opened(test: TestContext, config: Readonly<Record<string, unknown>> = base): Promise<Stage> {
  const at = await stage(test);
  await put(at, 'app', imageOf({ layers: [await tarOf(file('a', 'one'))], config }));
  return at;
}

async function changed(at: Stage, change: ConfigEdit): Promise<Record<string, never>> {
  await at.client.edit(`${at.host}/app:1`, (image) => image.withConfig(change), { to: `${at.host}/app:2` });
  assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
  return configOf(at, `${at.host}/app:2`);
}

describe('changing the config of an image', () => {
  // id: T13
  it('An image without changes keeps its digest, and nothing is written.', async (test) => {
    const at = await opened(test);
    const before = await at.client.getDescriptor(`${at.host}/app:1`);
    const asked = at.registry.requests.length;
    const ended = await gantry(['mutate', `${at.host}/app:1`]);
    assert.equal(ended.stdout, `${at.host}/app@${before.digest}\n`);
    const methods = at.registry.requests.slice(asked).map(({ method }) => method);
    assert.deepEqual(
      methods.filter((method) => method !== 'GET' && method !== 'HEAD'),
      [],
    );
  });

  // id: T14
  it('A new label leaves all members of the config that gantry does not know, byte for byte.', async (test) => {
    const at = await opened(test);
    const before = new TextDecoder().decode(await at.client.getConfig(`${at.host}/app:1`));
    await changed(at, { labels: { team: 'core' } });
    const after = new TextDecoder().decode(await at.client.getConfig(`${at.host}/app:2`));
    assert.equal(after.replace(/,\s+"team": "core"/, ''), before);
    assert.match(after, /"team": "core"/);
  });

  // id: T15
  it('A new value of a variable takes the position of the old one.', async (test) => {
    const at = await opened(test);
    const { config } = await changed(at, { env: { A: '2', C: '3' } });
    assert.deepEqual(config?.['Env'], ['PATH=/bin', 'A=2', 'B=2', 'C=3']);
  });

  // id: T16
  it('The last of two values of a variable counts, and there is one entry.', async (test) => {
    const at = await opened(test, { config: { Env: ['N=0', 'M=1', 'N=9'] } });
    const ended = await gantry([
      'mutate',
      '-e',
      'N=1',
      '-e',
      'N=2',
      '-t',
      `${at.host}/app:2`,
      `${at.host}/app:1`,
    ]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.deepEqual((await configOf(at, `${at.host}/app:2`))['config']?.['Env'], ['N=2', 'M=1']);
  });

  // id: T17
  it('On Windows the name of a variable matches in any case, and keeps its spelling.', async (test) => {
    const at = await opened(test, { os: 'windows', config: { Env: ['Path=C:\\old'] } });
    const { config } = await changed(at, { env: { PATH: 'C:\\new' } });
    assert.deepEqual(config?.['Env'], ['Path=C:\\new']);
  });

  // id: T18
  it('A new entrypoint removes the command, unless the change keeps or sets it.', async (test) => {
    const at = await opened(test);
    assert.equal((await changed(at, { entrypoint: ['/new'] }))['config']?.['Cmd'], undefined);
    const kept = await changed(at, { entrypoint: ['/new'], keepCmd: true });
    assert.deepEqual(kept['config']?.['Cmd'], ['serve']);
    const set = await changed(at, { entrypoint: ['/new'], cmd: ['run'] });
    assert.deepEqual(set['config']?.['Cmd'], ['run']);
  });

  // id: T19
  it('An empty entrypoint removes the member.', async (test) => {
    const at = await opened(test);
    for (const value of [
      ['--entrypoint', '[]'],
      ['--unset', 'entrypoint'],
    ]) {
      const words = ['mutate', ...value, '-t', `${at.host}/app:2`, `${at.host}/app:1`];
      assert.equal((await gantry(words)).code, 0);
      assert.equal(
        'Entrypoint' in ((await configOf(at, `${at.host}/app:2`))['config'] ?? {}),
        false,
        value.join(' '),
      );
    }
  });

  // id: T20
  it('Removing members that do not exist succeeds and keeps the digest.', async (test) => {
    const at = await opened(test);
    const before = await at.client.getDescriptor(`${at.host}/app:1`);
    const none = ['--unset-env', 'NONE', '--unset-label', 'none', '-l', 'no-', '--unset-annotation', 'none'];
    const ended = await gantry(['mutate', ...none, `${at.host}/app:1`]);
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(ended.stdout, `${at.host}/app@${before.digest}\n`);
  });

  // id: T21
  it('A port without a protocol means TCP, and a text that is no port is refused before any request.', async (test) => {
    const at = await opened(test);
    const { config } = await changed(at, { exposedPorts: ['80', '53/udp'] });
    assert.deepEqual(config?.['ExposedPorts'], { '80/tcp': {}, '53/udp': {} });
    const asked = at.registry.requests.length;
    for (const port of ['notaport', '0', '65536', '80/http', '80-90']) {
      const ended = await gantry(['mutate', '--exposed-ports', port, `${at.host}/app:1`]);
      assert.equal(ended.code, 2, port);
    }
    assert.equal(at.registry.requests.length, asked);
  });

  // id: T22
  it('A platform without an architecture is refused before any request.', async (test) => {
    const at = await opened(test);
    const asked = at.registry.requests.length;
    for (const platform of ['all', 'linux', 'linux/']) {
      assert.equal(
        (await gantry(['mutate', '--set-platform', platform, `${at.host}/app:1`])).code,
        2,
        platform,
      );
    }
    assert.equal(at.registry.requests.length, asked);
  });

  // id: T23
  it('Subject, artifactType and unknown members of the manifest stay, and an inlined config is inlined anew.', async (test) => {
    const at = await stage(test);
    const layers = [await tarOf(file('a', 'one'))];
    const subject = imageOf({ layers, config: { author: 'subject' } }).manifest.descriptor;
    const manifest = { subject, artifactType: 'application/vnd.acme', 'vnd.acme.unknown': [1] };
    await put(at, 'app', imageOf({ layers, manifest, inline: true }));
    await changed(at, { user: '5' });
    const { body, bytes } = await at.client.getManifest(`${at.host}/app:2`);
    const document = JSON.parse(new TextDecoder().decode(bytes));
    assert.deepEqual(document['vnd.acme.unknown'], [1]);
    assert.ok(body.kind === 'image');
    assert.deepEqual([body.subject?.digest, body.artifactType], [subject.digest, 'application/vnd.acme']);
    const config = Buffer.from(await at.client.getConfig(`${at.host}/app:2`));
    assert.equal(body.config.data, config.toString('base64'));
  });

  // id: T24
  it('A source by tag and digest is pushed by digest, and its tag does not move.', async (test) => {
    const at = await opened(test);
    const { digest } = await at.client.getDescriptor(`${at.host}/app:1`);
    const source = `${at.host}/app:1@${digest}`;
    const { descriptor } = await at.client.edit(source, (image) => image.withConfig({ user: '5' }));
    assert.notEqual(descriptor.digest, digest);
    assert.equal((await at.client.getDescriptor(`${at.host}/app:1`)).digest, digest);
    assert.equal(await at.client.exists(`${at.host}/app@${descriptor.digest}`), true);
  });

  it('A source by tag is changed in place.', async (test) => {
    const at = await opened(test);
    const { descriptor } = await at.client.edit(`${at.host}/app:1`, (image) =>
      image.withConfig({ user: '5' }),
    );
    assert.equal((await at.client.getDescriptor(`${at.host}/app:1`)).digest, descriptor.digest);
  });

  it('Every other member is set, replaced and removed.', async (test) => {
    const at = await opened(test);
    const set = await changed(at, {
      workingDir: '/app',
      volumes: ['/data'],
      stopSignal: 'SIGINT',
      shell: ['/bin/bash', '-c'],
      healthcheck: { Test: ['NONE'] },
      author: 'Ada',
      user: '5:5',
    });
    const { config, author } = set;
    assert.equal(author, 'Ada');
    assert.deepEqual(
      ['WorkingDir', 'Volumes', 'StopSignal', 'Shell', 'Healthcheck', 'User'].map((name) => config?.[name]),
      ['/app', { '/data': {} }, 'SIGINT', ['/bin/bash', '-c'], { Test: ['NONE'] }, '5:5'],
    );
    const gone = { workingDir: null, volumes: null, stopSignal: null, shell: null, healthcheck: null };
    const removed = await changed(at, { ...gone, author: null, user: '', cmd: null });
    for (const name of ['WorkingDir', 'Volumes', 'StopSignal', 'Shell', 'Healthcheck', 'User', 'Cmd'])
      assert.equal(name in (removed['config'] ?? {}), false, name);
    assert.equal('author' in removed, false);
  });

  it('Members that Go writes as null take new values.', async (test) => {
    const at = await opened(test, { config: { Env: null, Labels: null, ExposedPorts: null, Cmd: null } });
    const { config } = await changed(at, { env: { A: '1' }, labels: { a: 'b' }, exposedPorts: ['80'] });
    assert.deepEqual([config?.['Env'], config?.['Labels']], [['A=1'], { a: 'b' }]);
    assert.deepEqual(config?.['ExposedPorts'], { '80/tcp': {} });
  });

  it('A platform and a time are set in the config.', async (test) => {
    const at = await opened(test, { variant: 'v2', 'os.features': ['x'] });
    const words = ['--set-platform', 'linux/arm64', '--created', '86400'];
    await gantry(['mutate', ...words, '-t', `${at.host}/app:2`, `${at.host}/app:1`]);
    const {
      architecture,
      variant,
      created,
      'os.features': features,
    } = await configOf(at, `${at.host}/app:2`);
    assert.deepEqual(
      [architecture, variant, created, features],
      ['arm64', undefined, '1970-01-02T00:00:00Z', ['x']],
    );
  });

  it('Malformed options are refused before any request, and the message does not repeat a variable.', async (test) => {
    const at = await opened(test);
    const asked = at.registry.requests.length;
    for (const words of [
      ['-l', 'novalue'],
      ['-e', 'novalue'],
      ['--entrypoint', '["a"'],
      ['--healthcheck', '{"Test"'],
      ['--created', 'yesterday'],
      ['--created', '2026-02-31'],
      ['--repo', `${at.host}/other`, '-t', `${at.host}/app:2`],
    ]) {
      const ended = await gantry(['mutate', ...words, `${at.host}/app:1`]);
      assert.equal(ended.code, 2, words.join(' '));
      assert.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
    }
    assert.equal(at.registry.requests.length, asked);
  });

  it('Pairs are split at commas outside of quotes, and variables are not.', async (test) => {
    const at = await opened(test);
    const words = ['-l', 'a=b,c=d', '-l', '"e=f,g"', '-e', 'LIST=1,2'];
    const ended = await gantry(['mutate', ...words, '-t', `${at.host}/app:2`, `${at.host}/app:1`]);
    assert.equal(ended.code, 0, ended.stderr);
    const { config } = await configOf(at, `${at.host}/app:2`);
    assert.deepEqual(config?.['Labels'], { old: 'yes', a: 'b', c: 'd', e: 'f,g' });
    assert.deepEqual(
      config?.['Env']?.['at'] === undefined ? [] : Array.from(config['Env']).at(-1),
      'LIST=1,2',
    );
  });

  it('The config of an artifact cannot change, and its annotations can.', async (test) => {
    const at = await stage(test);
    const artifact = imageOf({ layers: [], manifest: { artifactType: 'application/vnd.acme' } });
    const text = new TextDecoder().decode(artifact.manifest.bytes);
    const bytes = new TextEncoder().encode(text.replace('vnd.oci.image.config.v1+json', 'vnd.acme.config'));
    const manifest = manifestOfBytes(bytes, artifact.manifest.descriptor.mediaType);
    await put(at, 'app', { ...artifact, manifest });
    const source = `${at.host}/app:1`;
    await failsWith(
      at.client.edit(source, (image) => image.withConfig({ user: '5' })),
      'MANIFEST_INVALID',
    );
    assert.equal((await at.client.getDescriptor(source)).digest, manifest.descriptor.digest);
    await at.client.edit(source, (image) => image.withAnnotations({ a: 'b' }));
    const { body } = await at.client.getManifest(source);
    assert.deepEqual(body.kind === 'image' && body.annotations, { a: 'b' });
  });
});
