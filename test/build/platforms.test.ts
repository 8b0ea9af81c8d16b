import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { elf, machO } from '../../src/build/native/object-file.test.support.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { file, findings, imageOf, put, tarOf } from '../edit/stage.ts';
import { buildStage, type Files, layersAbove, names, npmApp } from './stage.ts';

const below = 2;

/** An application with a compiled addon. */
function withAddon(bytes: Uint8Array, path = 'build/Release/x.node'): Files {
  return { ...npmApp, [`node_modules/a/${path}`]: bytes };
}

const amd64 = elf({ machine: 62, needed: ['libc.so.6'] });
const arm64 = elf({ machine: 183, needed: ['libc.so.6'] });

function manifest(cpu: string, os = ['linux']): string {
  return JSON.stringify({ name: `x-${cpu}`, os, cpu: [cpu] });
}

describe('building for several platforms', () => {
  // id: T71
  it('Images for two platforms share each layer, which is sent once; the index has the annotations of its base.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const sent = at.registry.requests.length;
    const { descriptor, platforms } = await at.client.build(at.home, { base: at.baseIndex, to: at.app });
    assert.deepEqual(
      platforms.map(({ architecture }) => architecture),
      ['amd64', 'arm64'],
    );
    const index = await at.client.getManifest(at.app);
    const base = await at.client.getManifest(at.baseIndex);
    assert.ok(index.body.kind === 'index' && base.body.kind === 'index');
    assert.equal(index.descriptor.digest, descriptor.digest);
    assert.deepEqual(
      index.body.manifests.map(({ platform }) => platform),
      base.body.manifests.slice(0, 2).map(({ platform }) => platform),
    );
    assert.deepEqual(index.body.annotations, {
      'org.opencontainers.image.base.name': at.baseIndex,
      'org.opencontainers.image.base.digest': base.descriptor.digest,
    });
    const images = await Promise.all(
      ['linux/amd64', 'linux/arm64'].map((platform) => at.client.getManifest(at.app, { platform })),
    );
    const layers = images.map(({ body }) => (body.kind === 'image' ? body.layers.slice(below) : []));
    assert.deepEqual(layers[0], layers[1]);
    for (const [place, { body }] of images.entries()) {
      assert.ok(body.kind === 'image');
      assert.equal(
        body.annotations?.['org.opencontainers.image.base.digest'],
        base.body.manifests[place]?.digest,
      );
    }
    const puts = at.registry.requests
      .slice(sent)
      .filter(({ method, url }) => method === 'PUT' && url.includes('/blobs/'));
    // Two layers and two configs: those of the bases are mounted.
    assert.equal(puts.length, 4);
    assert.deepEqual(await findings(at, at.app), []);
  });

  it('One platform gives a plain image, and the platforms come in the order of the base.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    const one = await gantry([
      'build',
      at.home,
      '-b',
      at.baseIndex,
      '-t',
      at.app,
      '--platform',
      'linux/arm64',
    ]);
    assert.equal(one.code, 0, one.stderr);
    assert.equal((await at.client.getManifest(at.app)).body.kind, 'image');
    const platforms = ['linux/s390x', 'linux/amd64'];
    const { platforms: found } = await at.client.build(at.home, {
      base: at.baseIndex,
      to: at.app,
      platforms,
    });
    assert.deepEqual(
      found.map(({ architecture }) => architecture),
      ['amd64', 's390x'],
    );
  });

  it('A base without the platform is refused with the platforms that it has, and nothing is pushed.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    for (const base of [at.base, at.baseIndex]) {
      await failsWith(
        at.client.build(at.home, { base, to: at.app, platforms: ['linux/riscv64'] }),
        'MANIFEST_UNKNOWN',
      );
    }
    assert.equal(await at.client.exists(at.app), false);
  });

  // id: T72
  it('An addon for another platform ends the build with its file and its machine, and nothing is pushed.', async (test) => {
    const at = await buildStage(test);
    await at.write(withAddon(amd64));
    const ended = await gantry(['build', at.home, '-b', at.baseIndex, '-t', at.app]);
    assert.equal(ended.code, 1);
    const [line = '', ...others] = ended.stderr.trimEnd().split('\n');
    assert.deepEqual(others, []);
    assert.match(line, /node_modules\/a\/build\/Release\/x\.node.*linux\/amd64.*linux\/arm64/);
    assert.equal(await at.client.exists(at.app), false);
    const fitting = await gantry([
      'build',
      at.home,
      '-b',
      at.baseIndex,
      '-t',
      at.app,
      '--platform',
      'linux/amd64',
    ]);
    assert.equal(fitting.code, 0, fitting.stderr);
  });

  it('An addon for macOS, or for the other C library than that of the base, is refused, too.', async (test) => {
    const at = await buildStage(test);
    await at.write(withAddon(machO(0x01000007)));
    await failsWith(at.client.build(at.home, { base: at.base, to: at.app }), 'UNSUPPORTED');
    await at.write({ 'node_modules/a/build/Release/x.node': amd64 });
    await at.client.build(at.home, { base: at.base, to: at.app });
    const musl = imageOf({ layers: [await tarOf(file('lib/ld-musl-x86_64.so.1', 'loader'))] });
    await put(at, 'musl', musl);
    await failsWith(at.client.build(at.home, { base: `${at.host}/musl:1`, to: at.app }), 'UNSUPPORTED');
    await at.write({
      'node_modules/a/build/Release/x.node': elf({ machine: 62, needed: ['libc.musl-x86_64.so.1'] }),
    });
    await at.client.build(at.home, { base: `${at.host}/musl:1`, to: at.app });
    await failsWith(at.client.build(at.home, { base: at.base, to: at.app }), 'UNSUPPORTED');
  });

  it('A package that brings addons for many platforms fits if one of them does.', async (test) => {
    const at = await buildStage(test);
    await at.write({
      ...withAddon(amd64, 'prebuilds/linux-x64/x.node'),
      'node_modules/a/prebuilds/linux-arm64/x.node': arm64,
      'node_modules/a/prebuilds/darwin-arm64/x.node': machO(0x0100000c),
      'node_modules/a/text.node': 'no compiled file',
    });
    await at.client.build(at.home, { base: at.baseIndex, to: at.app });
    const platforms = ['linux/s390x'];
    await failsWith(at.client.build(at.home, { base: at.baseIndex, to: at.app, platforms }), 'UNSUPPORTED');
  });

  it('Packages that are published for one platform come only into its image.', async (test) => {
    const at = await buildStage(test);
    await at.write({
      ...npmApp,
      'node_modules/a/package.json': JSON.stringify({
        name: 'a',
        optionalDependencies: { 'x-x64': '1', 'x-arm64': '1', 'x-mac': '1', 'x-s390x': '1' },
      }),
      'node_modules/x-x64/package.json': manifest('x64'),
      'node_modules/x-x64/x.node': amd64,
      'node_modules/x-arm64/package.json': manifest('arm64'),
      'node_modules/x-arm64/x.node': arm64,
      'node_modules/x-mac/package.json': manifest('arm64', ['darwin']),
      'node_modules/x-mac/x.node': machO(0x0100000c),
    });
    const { layers } = await at.client.build(at.home, { base: at.baseIndex, to: at.app });
    assert.deepEqual(
      layers.map(({ name, platforms }) => [name, platforms?.length]),
      [
        ['dependencies', undefined],
        ['dependencies for linux/amd64', 1],
        ['dependencies for linux/arm64', 1],
        ['application', undefined],
      ],
    );
    const image = await at.client.getImage(at.app, { platform: 'linux/arm64' });
    const all = (await layersAbove(image, below)).flatMap(names);
    assert.deepEqual(
      all.filter((name) => name.endsWith('.node')),
      ['app/node_modules/x-arm64/x.node'],
    );
    assert.deepEqual(await findings(at, at.app), []);
    const again = await at.client.build(at.home, { base: at.baseIndex, to: at.app });
    assert.deepEqual(
      again.layers.map(({ isReused }) => isReused),
      [true, true, true, true],
    );
  });

  it('A package that is installed for other platforms only, and exists for this one, is refused by its name.', async (test) => {
    const at = await buildStage(test);
    const optionalDependencies = {
      'x-linux-x64': '1',
      'x-linux-arm64': '1',
      'x-darwin-arm64': '1',
      'x-linuxmusl-arm64': '1',
    };
    await at.write({
      ...npmApp,
      'node_modules/a/package.json': JSON.stringify({ name: 'a', optionalDependencies }),
      'node_modules/x-linux-x64/package.json': manifest('x64'),
    });
    const ended = await gantry(['build', at.home, '-b', at.baseIndex, '-t', at.app]);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, /a needs x-linux-arm64 on linux\/arm64/);
    const platforms = ['linux/amd64', 'linux/s390x'];
    // Nothing says that the package exists for s390x.
    await at.client.build(at.home, { base: at.baseIndex, to: at.app, platforms });
    await at.write({ 'node_modules/x-linux-arm64/package.json': manifest('arm64') });
    await at.client.build(at.home, { base: at.baseIndex, to: at.app });
  });

  it('Of packages for two C libraries, the image gets the one for the library of its base.', async (test) => {
    const at = await buildStage(test);
    const musl = imageOf({ layers: [await tarOf(file('lib/ld-musl-x86_64.so.1', 'loader'))] });
    await put(at, 'musl', musl);
    const variants = { os: ['linux'], cpu: ['x64'] };
    await at.write({
      ...npmApp,
      'node_modules/a/package.json': JSON.stringify({
        name: 'a',
        optionalDependencies: { 'x-gnu': '1', 'x-musl': '1' },
      }),
      'node_modules/x-gnu/package.json': JSON.stringify({ ...variants, libc: ['glibc'] }),
      'node_modules/x-gnu/x.node': amd64,
      'node_modules/x-musl/package.json': JSON.stringify({ ...variants, libc: ['musl'] }),
      'node_modules/x-musl/x.node': elf({ machine: 62, needed: ['libc.musl-x86_64.so.1'] }),
    });
    for (const [base, wanted] of [
      [at.base, 'x-gnu'],
      [`${at.host}/musl:1`, 'x-musl'],
      // The second time, the history of the image before tells the library.
      [`${at.host}/musl:1`, 'x-musl'],
    ] as const) {
      await at.client.build(at.home, { base, to: at.app });
      const image = await at.client.getImage(at.app);
      const all = (await layersAbove(image, base === at.base ? 2 : 1)).flatMap(names);
      assert.deepEqual(
        all.filter((name) => name.endsWith('.node')),
        [`app/node_modules/${wanted}/x.node`],
      );
    }
  });

  it('A base for Windows is refused, since its layers have another form.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    await put(at, 'windows', imageOf({ layers: [await tarOf(file('a', 'one'))], config: { os: 'windows' } }));
    await failsWith(at.client.build(at.home, { base: `${at.host}/windows:1`, to: at.app }), 'UNSUPPORTED');
  });

  it('Without a base, the image is for linux/amd64 or for the given platforms.', async (test) => {
    const at = await buildStage(test);
    await at.write({ run: '#!/bin/sh\n' });
    const settings = { base: 'scratch', entrypoint: ['/app/run'], to: at.app } as const;
    const { platforms } = await at.client.build(at.home, settings);
    assert.deepEqual(platforms, [{ os: 'linux', architecture: 'amd64' }]);
    const two = await at.client.build(at.home, { ...settings, platforms: ['linux/arm64', 'linux/amd64'] });
    assert.equal(two.platforms.length, 2);
    assert.deepEqual(await findings(at, at.app), []);
  });

  it('A base of docker types gives an image of docker types, and refuses zstd.', async (test) => {
    const at = await buildStage(test);
    await at.write(npmApp);
    await put(at, 'docker', imageOf({ family: 'docker', layers: [await tarOf(file('a', 'one'))] }));
    await at.client.build(at.home, { base: `${at.host}/docker:1`, to: at.app });
    const { descriptor, body } = await at.client.getManifest(at.app);
    assert.ok(body.kind === 'image');
    assert.match(descriptor.mediaType, /docker/);
    for (const { mediaType } of [body.config, ...body.layers]) assert.match(mediaType, /docker/);
    await failsWith(
      at.client.build(at.home, { base: `${at.host}/docker:1`, to: at.app, compression: 'zstd' }),
      'UNSUPPORTED',
    );
  });
});
