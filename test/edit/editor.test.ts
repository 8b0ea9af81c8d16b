import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { collect } from '../../src/flow/collect.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { readTar } from '../../src/tar/read.ts';
import { command, type Ended, gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { configOf, file, findings, imageOf, put, putIndex, type Stage, stage, tarOf } from './stage.ts';

interface Scene extends Stage {
  readonly app: string;
}

const owned = { mode: 0o640, uid: 5, gid: 6, uname: 'app', gname: 'web', mtime: 86_400 } as const;

/** An image with a file that has an owner, below a directory with a symbolic link to it. */
async function scene(test: TestContext, family: 'oci' | 'docker' = 'oci'): Promise<Scene> {
  const at = await stage(test);
  const lower = await tarOf(
    { name: 'usr/etc/', type: 'directory' },
    { name: 'etc', type: 'symlink', linkname: 'usr/etc' },
    { ...file('usr/etc/motd', 'old\n'), ...owned },
  );
  const config = { 'vnd.acme': 1, config: { StopTimeout: 5 } };
  await put(at, 'app', imageOf({ family, layers: [lower], config, inline: true }));
  return { ...at, app: `${at.host}/app:1` };
}

async function edit(input: string, ...words: readonly string[]): Promise<Ended> {
  const ended = await gantry(['edit', ...words], { input });
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

/** Runs a command that has to fail with one line, and writes nothing. */
async function refused(at: Scene, code: number, input: string, ...words: readonly string[]): Promise<string> {
  const { digest } = await at.client.getDescriptor(at.app);
  const asked = at.registry.requests.length;
  const ended = await gantry(['edit', ...words], { input });
  assert.equal(ended.code, code, ended.stderr);
  assert.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
  const methods = at.registry.requests.slice(asked).map(({ method }) => method);
  assert.deepEqual(
    methods.filter((method) => method !== 'GET' && method !== 'HEAD'),
    [],
  );
  assert.equal((await at.client.getDescriptor(at.app)).digest, digest);
  return ended.stderr;
}

async function rawConfig({ client, app }: Scene): Promise<string> {
  return new TextDecoder().decode(await client.getConfig(app));
}

async function rawManifest({ client, app }: Scene): Promise<string> {
  return new TextDecoder().decode((await client.getManifest(app)).bytes);
}

describe('gantry edit with the new content on stdin', () => {
  // id: edit-config-bytes
  it('edit config takes the bytes as they are, and the manifest inlines and names them.', async (test) => {
    for (const family of ['oci', 'docker'] as const) {
      const at = await scene(test, family);
      const config = (await rawConfig(at)).replace('"StopTimeout": 5', '"StopTimeout":   6');
      await edit(config, 'config', at.app, '-t', `${at.host}/other:1`);
      assert.equal(await rawConfig({ ...at, app: `${at.host}/other:1` }), config);
      const { body } = await at.client.getManifest(`${at.host}/other:1`);
      assert.ok(body.kind === 'image');
      assert.equal(body.config.data, Buffer.from(config).toString('base64'));
      assert.equal(body.config.mediaType.includes('docker'), family === 'docker');
      assert.deepEqual(await findings(at, `${at.host}/other:1`), []);
    }
  });

  // id: edit-without-change
  it('edit config and edit manifest with the same content write nothing.', async (test) => {
    const at = await scene(test);
    const { digest } = await at.client.getDescriptor(at.app);
    const asked = at.registry.requests.length;
    for (const [part, input] of [
      ['config', await rawConfig(at)],
      ['manifest', await rawManifest(at)],
    ] as const)
      assert.equal((await edit(input, part, at.app)).stdout, `${at.host}/app@${digest}\n`);
    const methods = at.registry.requests.slice(asked).map(({ method }) => method);
    assert.deepEqual(
      methods.filter((method) => method !== 'GET' && method !== 'HEAD'),
      [],
    );
  });

  // id: edit-config-refused
  it('edit config refuses what is no config of the same layers.', async (test) => {
    const at = await scene(test);
    const config = await rawConfig(at);
    await refused(at, 1, 'not json', 'config', at.app);
    await refused(at, 1, '', 'config', at.app);
    await refused(at, 1, '[]', 'config', at.app);
    const other = config.replace(/sha256:[0-9a-f]{64}/, `sha256:${'0'.repeat(64)}`);
    assert.match(await refused(at, 1, other, 'config', at.app), /does not fit the layers/);
    const fewer = config.replace(/"diff_ids": \[[^\]]*\]/, '"diff_ids": []');
    assert.match(await refused(at, 1, fewer, 'config', at.app), /names 0 layers, and the image has 1/);
    const history = JSON.stringify({ ...JSON.parse(config), history: [{}, {}] });
    assert.match(await refused(at, 1, history, 'config', at.app), /its history names 2 layers/);
  });

  // id: edit-manifest-copied
  it('edit manifest replaces the manifest of an image, and copies its content to another repository.', async (test) => {
    const at = await scene(test);
    const manifest = JSON.stringify({
      ...JSON.parse(await rawManifest(at)),
      annotations: { a: 'b' },
      more: 1,
    });
    const other = `${at.host}/other:1`;
    await edit(manifest, 'manifest', at.app, '--tag', other);
    assert.equal(await rawManifest({ ...at, app: other }), manifest);
    assert.deepEqual(await findings(at, other), []);
    const plain = JSON.stringify({ ...JSON.parse(manifest), mediaType: undefined, more: 2 });
    await edit(plain, 'manifest', at.app, '-m', MediaType.ociManifest, '-t', other);
    assert.equal((await at.client.getDescriptor(other)).mediaType, MediaType.ociManifest);
  });

  // id: edit-manifest-refused
  it('edit manifest refuses what is no manifest, mixes media types, or has other layers than its config.', async (test) => {
    const at = await scene(test);
    const manifest = await rawManifest(at);
    const document = JSON.parse(manifest);
    const refuse = (value: unknown, code = 1): Promise<string> =>
      refused(at, code, typeof value === 'string' ? value : JSON.stringify(value), 'manifest', at.app);
    await refuse('not json');
    await refuse({});
    await refuse({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] });
    await refuse({ ...document, mediaType: MediaType.dockerManifest });
    assert.match(await refuse({ ...document, layers: [] }), /0 layers, and its config names 1/);
    const layer = { ...document.layers[0], digest: `sha256:${'1'.repeat(64)}` };
    await refuse({ ...document, layers: [layer] }, 3);
  });

  it('edit manifest edits an index, and --platform one image of it.', async (test) => {
    const at = await scene(test);
    const layers = [await tarOf(file('a', 'one'))];
    const [one, other] = [imageOf({ layers }), imageOf({ layers, config: { architecture: 'arm64' } })];
    await putIndex(at, 'index', [
      { image: one, entry: { platform: { os: 'linux', architecture: 'amd64' } } },
      { image: other, entry: { platform: { os: 'linux', architecture: 'arm64' } } },
    ]);
    const index = { ...at, app: `${at.host}/index:1` };
    await edit(JSON.stringify({ ...JSON.parse(await rawManifest(index)), x: 1 }), 'manifest', index.app);
    assert.equal(JSON.parse(await rawManifest(index)).x, 1);
    const image = new TextDecoder().decode(other.manifest.bytes);
    const changed = JSON.stringify({ ...JSON.parse(image), annotations: { of: 'arm' } });
    await edit(changed, 'manifest', '--platform', 'linux/arm64', index.app);
    const [first, second] = JSON.parse(await rawManifest(index)).manifests;
    assert.equal(first.digest, one.manifest.descriptor.digest);
    assert.notEqual(second.digest, other.manifest.descriptor.digest);
    assert.deepEqual(await findings(at, index.app), []);
    const config = new TextDecoder().decode(await at.client.getConfig(index.app));
    const said = await refused(index, 2, config, 'config', index.app);
    assert.match(said, /choose one image with --platform/);
  });

  // id: edit-file-header
  it('edit fs keeps mode, owner and time of the file, follows links, and adds one layer of the same family.', async (test) => {
    for (const family of ['oci', 'docker'] as const) {
      const at = await scene(test, family);
      await edit('new\n', 'fs', '-f', '/etc/motd', at.app, '--tag', `${at.host}/app:2`);
      const image = await at.client.getImage(`${at.host}/app:2`);
      const layer = (await image.layers()).at(-1);
      assert.ok(layer !== undefined);
      assert.equal(layer.mediaType, family === 'oci' ? MediaType.ociLayerGzip : MediaType.dockerLayer);
      const entries: unknown[] = [];
      for await (const { name, type, mode, uid, gid, uname, gname, mtime, body } of readTar(
        layer.uncompressed().open(),
      )) {
        const bytes = await collect(body, { limit: 100, what: name });
        const content = new TextDecoder().decode(bytes);
        entries.push([name, type, { mode, uid, gid, uname, gname, mtime }, content]);
      }
      assert.deepEqual(entries, [['usr/etc/motd', 'file', owned, 'new\n']]);
      const { history } = await configOf(at, `${at.host}/app:2`);
      assert.equal(Object(history).at(-1).created_by, 'gantry edit /etc/motd');
      assert.deepEqual(await findings(at, `${at.host}/app:2`), []);
    }
  });

  it('edit fs with the same content writes nothing, and a new file goes into the linked directory.', async (test) => {
    const at = await scene(test);
    const { digest } = await at.client.getDescriptor(at.app);
    assert.equal(
      (await edit('old\n', 'fs', '--filename', 'etc/motd', at.app)).stdout,
      `${at.host}/app@${digest}\n`,
    );
    await edit('a', 'fs', '-f', '/etc/new/a', at.app);
    const names: string[] = [];
    for await (const { path } of at.client.listFiles(at.app)) names.push(path);
    assert.deepEqual(names, ['etc', 'usr', 'usr/etc', 'usr/etc/motd', 'usr/etc/new', 'usr/etc/new/a']);
  });

  it('edit fs refuses a directory, a path below a file, and no path at all.', async (test) => {
    const at = await scene(test);
    await refused(at, 1, 'a', 'fs', '-f', '/etc', at.app);
    await refused(at, 1, 'a', 'fs', '-f', '/etc/motd/a', at.app);
    await refused(at, 1, 'a', 'fs', '-f', '/', at.app);
    await refused(at, 2, 'a', 'fs', at.app);
  });

  for (const part of ['config', 'manifest', 'fs']) {
    it(`edit ${part} takes the options of every change: --dry-run, --output, --repo and --keep-attestations`, async (test) => {
      const at = await scene(test);
      const home = await folder(test);
      const inputs: Readonly<Record<string, string>> = {
        config: (await rawConfig(at)).replace('"StopTimeout": 5', '"StopTimeout": 6'),
        manifest: JSON.stringify({ ...JSON.parse(await rawManifest(at)), annotations: { a: 'b' } }),
        fs: 'new',
      };
      const path = part === 'fs' ? ['-f', 'etc/motd'] : [];
      const run = (...words: readonly string[]): Promise<Ended> =>
        edit(inputs[part] ?? '', part, ...path, at.app, ...words);
      const { digest } = await at.client.getDescriptor(at.app);
      const planned = (await run('--dry-run')).stdout;
      assert.equal((await run('--output', join(home, 'out.tar'))).stdout, '');
      assert.equal((await at.client.getDescriptor(at.app)).digest, digest);
      const written = (await run('--repo', `${at.host}/other`, '--keep-attestations')).stdout;
      assert.equal(written.split('@')[1], planned.split('@')[1]);
      assert.deepEqual(await findings(at, written.trim()), []);
      assert.equal((await gantry(['validate', '--tarball', join(home, 'out.tar')])).code, 0);
    });
  }

  it('edit fs changes every image of an index.', async (test) => {
    const at = await scene(test);
    const [a, b] = [await tarOf(file('a', 'one')), await tarOf(file('a', 'two'))];
    await putIndex(at, 'index', [
      { image: imageOf({ layers: [a] }), entry: { platform: { os: 'linux', architecture: 'amd64' } } },
      {
        image: imageOf({ layers: [b], config: { architecture: 'arm64' } }),
        entry: { platform: { os: 'linux', architecture: 'arm64' } },
      },
    ]);
    const index = `${at.host}/index:1`;
    await edit('three', 'fs', '-f', 'a', index);
    for (const platform of ['linux/amd64', 'linux/arm64']) {
      const bytes = await collect(at.client.readFile(index, 'a', { platform }), { limit: 100, what: 'a' });
      assert.equal(new TextDecoder().decode(bytes), 'three');
    }
    assert.deepEqual(await findings(at, index), []);
  });
});

/** Runs a command on a terminal, with an editor that is a shell script. */
async function onTerminal(
  test: TestContext,
  editor: string,
  words: readonly string[],
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const script = join(await folder(test), 'editor');
  await writeFile(script, `#!/bin/sh\n${editor}\n`);
  await chmod(script, 0o755);
  const line = [...command, ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { ...process.env, EDITOR: script, VISUAL: '', TERM: 'dumb' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const shown = await text(child.stdout);
  return { shown, code: await ended };
}

describe('gantry edit on a terminal', needs('script'), () => {
  // id: edit-on-terminal
  it('The editor shows a config with line breaks, and only the changed members change in the old bytes.', async (test) => {
    const at = await scene(test);
    const compact = JSON.stringify(JSON.parse(await rawConfig(at)));
    await edit(compact, 'config', at.app);
    const { code, shown } = await onTerminal(test, `sed -i 's/"StopTimeout": 5/"StopTimeout": 7/' "$1"`, [
      'edit',
      'config',
      at.app,
    ]);
    assert.equal(code, 0, shown);
    assert.equal(await rawConfig(at), compact.replace('"StopTimeout":5', '"StopTimeout":7'));
    assert.deepEqual(await findings(at, at.app), []);
  });

  it('An editor that changes nothing, or only ends the last line, writes nothing.', async (test) => {
    const at = await scene(test);
    const { digest } = await at.client.getDescriptor(at.app);
    for (const editor of ['true', 'echo >> "$1"']) {
      const { code, shown } = await onTerminal(test, editor, ['edit', 'manifest', at.app]);
      assert.equal(code, 0, shown);
      assert.match(shown, new RegExp(digest));
      assert.equal((await at.client.getDescriptor(at.app)).digest, digest);
    }
    await onTerminal(test, 'true', ['edit', 'fs', '-f', '/etc/none', at.app]);
    assert.equal((await at.client.getDescriptor(at.app)).digest, digest);
  });

  it('An editor that fails changes nothing, and the command says so.', async (test) => {
    const at = await scene(test);
    const { digest } = await at.client.getDescriptor(at.app);
    const { code, shown } = await onTerminal(test, 'echo x > "$1"; exit 1', ['edit', 'config', at.app]);
    assert.equal(code, 1);
    assert.match(shown, /the editor .* failed, so nothing was changed/);
    assert.equal((await at.client.getDescriptor(at.app)).digest, digest);
  });

  it('The editor gets the old content of a file under its name.', async (test) => {
    const at = await scene(test);
    const editor = `test "$(basename "$1")" = motd && echo more >> "$1"`;
    const { code, shown } = await onTerminal(test, editor, ['edit', 'fs', '-f', '/etc/motd', at.app]);
    assert.equal(code, 0, shown);
    const bytes = await collect(at.client.readFile(at.app, '/etc/motd'), { limit: 100, what: 'motd' });
    assert.equal(new TextDecoder().decode(bytes), 'old\nmore\n');
  });
});
