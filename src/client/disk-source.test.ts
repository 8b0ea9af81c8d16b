import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import {
  classicFiles,
  file,
  folder,
  indexOf,
  layoutFiles,
  manifestOf,
  type SampleImage,
  sampleImage,
  savedEntry,
  saveTar,
} from '../archive/archives.test.samples.ts';
import { isGantryError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { parsePlatform } from '../spec/platform.ts';
import type { TarFileWithBody } from '../tar/write.ts';
import { failsWith, listOf } from '../testing/contract/sample.ts';
import { startRegistry } from '../testing/start-registry.ts';
import { createClient } from './client.ts';

const here = await sampleImage('hello');
const away = await sampleImage('hello', 'arm64');
const name = 'registry.example/app:latest';
const [amd64, arm64] = [parsePlatform('linux/amd64'), parsePlatform('linux/arm64')];

async function open(test: TestContext) {
  const registry = await startRegistry();
  const warnings: string[] = [];
  const client = createClient({
    keychain: async () => undefined,
    onWire: (event) => void (event.kind === 'warning' && warnings.push(event.text)),
  });
  atEnd(test, async () => {
    await client[Symbol.asyncDispose]();
    await registry.close();
  });
  return { client, registry, host: registry.host, warnings };
}

/** Writes the files of an archive into a folder. */
async function unpacked(test: TestContext, files: readonly TarFileWithBody[]): Promise<string> {
  const path = folder(test);
  execFileSync('tar', ['-xf', await saveTar(test, files), '-C', path]);
  return path;
}

function attestationOf(image: Manifest): Manifest {
  const config = new TextEncoder().encode('{"os":"unknown"}');
  return manifestOf(MediaType.ociManifest, {
    config: { mediaType: MediaType.ociConfig, digest: digestOf(config), size: config.byteLength },
    layers: [],
    annotations: { about: image.descriptor.digest },
  });
}

/** The index that Docker pulled: two images, and an attestation of each. */
const pulled = manifestOf(MediaType.ociIndex, {
  manifests: [here, away].flatMap(({ manifest }, at) => [
    { ...manifest.descriptor, platform: at === 0 ? amd64 : arm64 },
    {
      ...attestationOf(manifest).descriptor,
      platform: { os: 'unknown', architecture: 'unknown' },
      annotations: {
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': manifest.descriptor.digest,
      },
    },
  ]),
});

/** The archive that Docker saves of the index, with one image and these further manifests. */
function partial(...more: readonly Manifest[]): readonly TarFileWithBody[] {
  return [
    ...layoutFiles([{ manifest: pulled, fullName: name, name: 'latest' }], [here]),
    ...more.map(({ descriptor, bytes }) => file(`blobs/sha256/${descriptor.digest.slice(7)}`, bytes)),
    file('manifest.json', [savedEntry(here, [name])]),
  ];
}

describe('docker29-partial-index: an index of which Docker saved one image', () => {
  for (const [sentence, more] of [
    ['the other manifests are missing', []],
    ['the other manifests are there and their blobs are not', [away.manifest, attestationOf(away.manifest)]],
  ] as const) {
    it(`the saved image is pushed and validated where ${sentence}`, async (test) => {
      const { client, host, warnings } = await open(test);
      const path = await saveTar(test, partial(...more));
      for (const options of [{}, { platforms: [amd64] }]) {
        const { digest } = await client.push(path, `${host}/app:1`, options);
        const image = await client.getImage(`${host}/app:1`);
        assert.equal((await image.manifest()).descriptor.digest, here.manifest.descriptor.digest);
        assert.deepEqual(await listOf(client.validate(`${host}/app@${digest}`)), [
          { subject: `${host}/app@${digest}` },
        ]);
      }
      assert.ok(warnings.length > 0);
      assert.deepEqual(await listOf(client.validate({ kind: 'docker-archive', path })), [{ subject: path }]);
      assert.equal(
        (await client.copy(`docker-archive:${path}:${name}`, `${host}/app:2`)).digest,
        here.manifest.descriptor.digest,
      );
      await failsWith(client.push(path, `${host}/app:3`, { platforms: [arm64] }), 'MANIFEST_UNKNOWN');
      assert.equal(await client.exists(`${host}/app:3`), false);
    });
  }

  it('an image saved in part is refused, and so is an index without any saved image', async (test) => {
    const { client, host } = await open(test);
    const layer = [...here.blobs.keys()].at(-1)?.slice(7) ?? '';
    const damaged = partial().filter((entry) => !entry.name.endsWith(layer));
    const empty = layoutFiles([{ manifest: pulled, fullName: name }], []);
    for (const [files, code] of [
      [damaged, 'BLOB_UNKNOWN'],
      [empty, 'MANIFEST_UNKNOWN'],
    ] as const) {
      await failsWith(client.push(await saveTar(test, files), `${host}/app:1`), code);
      assert.equal(await client.exists(`${host}/app:1`), false);
    }
  });

  it('the saved image is also taken from the unpacked archive, and another platform is refused', async (test) => {
    const { client, host, warnings } = await open(test);
    const layout = await unpacked(test, partial());
    for (const verb of [
      () => client.push(layout, `${host}/app:1`),
      () => client.copy(`oci:${layout}`, `${host}/app:1`),
    ]) {
      assert.equal((await verb()).digest, here.manifest.descriptor.digest);
    }
    assert.ok(warnings.length > 0);
    assert.deepEqual(await listOf(client.validate({ kind: 'oci', path: layout })), [{ subject: layout }]);
    await failsWith(client.push(layout, `${host}/app:2`, { platforms: [arm64] }), 'MANIFEST_UNKNOWN');
    assert.equal(await client.exists(`${host}/app:2`), false);
  });

  it('a layout without the mark of Docker is refused before a request, and the error names the platforms', async (test) => {
    const { client, registry, host } = await open(test);
    const layout = await unpacked(
      test,
      partial(attestationOf(here.manifest)).filter((entry) => entry.name !== 'manifest.json'),
    );
    for (const [verb, words] of [
      [() => client.push(layout, `${host}/app:1`), ['linux/arm64', '--platform', 'linux/amd64']],
      [() => client.copy(`oci:${layout}`, `${host}/app:1`), ['linux/arm64', '--platform', 'linux/amd64']],
      [
        () => client.push(layout, `${host}/app:1`, { platforms: [arm64] }),
        ['linux/arm64', '--platform', 'linux/amd64'],
      ],
    ] as const) {
      const error: unknown = await verb().catch((reason: unknown) => reason);
      assert.ok(isGantryError(error, 'MANIFEST_UNKNOWN'), String(error));
      for (const word of words) assert.ok(error.message.includes(word), `${word} in ${error.message}`);
    }
    assert.deepEqual(registry.requests, []);
    const outer = manifestOf(MediaType.ociIndex, { manifests: [pulled.descriptor] });
    const nested = await unpacked(test, [
      ...layoutFiles([{ manifest: outer, name: 'v1' }], [here]),
      file(`blobs/sha256/${pulled.descriptor.digest.slice(7)}`, pulled.bytes),
    ]);
    for (const index of [false, true]) {
      const pushing = client.push(nested, `${host}/app:1`, { index });
      const error: unknown = await pushing.catch((reason: unknown) => reason);
      assert.ok(isGantryError(error, 'MANIFEST_UNKNOWN'), String(error));
      assert.ok(error.message.includes('linux/arm64'), error.message);
    }
    assert.deepEqual(registry.requests, []);
    const findings = await listOf(client.validate({ kind: 'oci', path: layout }));
    assert.ok(findings.some(({ problem }) => problem?.includes(away.manifest.descriptor.digest)));
    const { digest } = await client.push(layout, `${host}/app:2`, { platforms: [amd64] });
    assert.equal(digest, here.manifest.descriptor.digest);
  });

  it('the index itself is pushed with --sparse', async (test) => {
    const { client, host } = await open(test);
    const path = await saveTar(test, partial(attestationOf(here.manifest)));
    const pushing = client.copy(`docker-archive:${path}`, `${host}/app:1`, {
      platforms: [amd64],
      sparse: true,
    });
    const outcome = await pushing.then(({ digest }) => digest).catch((error: unknown) => error);
    // The registry may refuse an index if it lacks images of it; another index would be a wrong result.
    assert.ok(outcome === pulled.descriptor.digest || isGantryError(outcome));
  });
});

const side = (image: SampleImage, names: readonly string[], prefix: string): object[] => {
  const layers = image.layers.map((_, at) => `${prefix}/layer${at}/layer.tar`);
  return [{ Config: `${prefix}/${digestOf(image.config).slice(7)}.json`, RepoTags: names, Layers: layers }];
};
const within = (image: SampleImage, prefix: string): readonly TarFileWithBody[] =>
  classicFiles(image, null).flatMap((entry) =>
    entry.name === 'manifest.json' ? [] : [{ ...entry, name: `${prefix}/${entry.name}` }],
  );

describe('several-images-in-an-archive: an archive of several images without a name in the request', () => {
  it('the error shows the names of all images, and each name opens its image', async (test) => {
    const { client, host } = await open(test);
    const files = [
      ...within(here, 'a'),
      ...within(away, 'b'),
      file('manifest.json', [...side(here, ['team/a:1', 'team/a:2'], 'a'), ...side(away, [], 'b')]),
    ];
    const path = await saveTar(test, files);
    const refusal = await client.push(path, `${host}/app:1`).catch((error: unknown) => error);
    assert.ok(isGantryError(refusal, 'MANIFEST_INVALID'));
    for (const word of ['team/a:1', 'team/a:2', '@1', 'linux/arm64', '--index', '--platform']) {
      assert.ok(refusal.message.includes(word), `${word} in ${refusal.message}`);
    }
    for (const [said, image] of [
      ['team/a:2', here],
      ['@1', away],
    ] as const) {
      await client.push(`docker-archive:${path}:${said}`, `${host}/app:2`);
      const config = await client.getConfig(`${host}/app:2`);
      assert.deepEqual(config, new Uint8Array(image.config));
    }
    await client.push(path, `${host}/app:3`, { platforms: [arm64] });
    assert.deepEqual(await client.getConfig(`${host}/app:3`), new Uint8Array(away.config));
  });

  it('platforms-side-by-side: a platform chooses among images, also under one name, and several platforms make an index', async (test) => {
    const { client, host } = await open(test);
    for (const named of [false, true]) {
      for (const said of [false, true]) {
        const roots = [here, away].map(({ manifest }, at) => ({
          manifest: said ? withPlatform(manifest, at === 0 ? amd64 : arm64) : manifest,
          ...(named ? { name: 'v1' } : {}),
        }));
        const path = await saveTar(test, layoutFiles(roots, [here, away]));
        const place = `oci-archive:${path}${named ? ':v1' : ''}`;
        const refusal = await client.copy(place, `${host}/app:1`).catch((error: unknown) => error);
        assert.ok(isGantryError(refusal, 'MANIFEST_INVALID'));
        assert.ok(refusal.message.includes('--index') && refusal.message.includes('linux/arm64'));
        const { digest } = await client.copy(place, `${host}/app:2`, { platforms: [arm64] });
        assert.equal(digest, away.manifest.descriptor.digest);
        await client.copy(place, `${host}/app:3`, { platforms: [arm64, amd64] });
        const index = await client.getIndex(`${host}/app:3`);
        assert.equal((await index.children()).length, 2);
        await client.push(path, `${host}/app:4`, { index: true });
        assert.equal((await (await client.getIndex(`${host}/app:4`)).children()).length, 2);
      }
    }
    assert.equal(await client.exists(`${host}/app:1`), false);
  });
});

describe('platforms-side-by-side: a platform that none of the images has', () => {
  for (const kind of ['oci', 'oci-archive'] as const) {
    it(`a missing platform is refused with the platforms of the images in ${kind}:`, async (test) => {
      const { client, host } = await open(test);
      const files = layoutFiles(
        [here, away].map(({ manifest }) => ({ manifest })),
        [here, away],
      );
      const path = kind === 'oci' ? await unpacked(test, files) : await saveTar(test, files);
      const platforms = [parsePlatform('linux/s390x')];
      const error: unknown = await client
        .copy(`${kind}:${path}`, `${host}/app:1`, { platforms })
        .catch((reason: unknown) => reason);
      assert.ok(isGantryError(error, 'MANIFEST_UNKNOWN'), String(error));
      for (const word of [path, 'linux/s390x', 'linux/amd64', 'linux/arm64']) {
        assert.ok(error.message.includes(word), `${word} in ${error.message}`);
      }
    });
  }

  it('a missing platform may be in an index beside the images, so the error shows all choices', async (test) => {
    const { client, host } = await open(test);
    const index = indexOf(here, away);
    const files = layoutFiles([{ manifest: index }, { manifest: here.manifest }], [here, away]);
    const platforms = [parsePlatform('linux/s390x')];
    await failsWith(
      client.copy(`oci-archive:${await saveTar(test, files)}`, `${host}/app:1`, { platforms }),
      'MANIFEST_INVALID',
    );
  });
});

function withPlatform(manifest: Manifest, platform: object): Manifest {
  return { ...manifest, descriptor: Object.assign({ ...manifest.descriptor }, { platform }) };
}

describe('children-without-a-platform: an index whose children name no platform', () => {
  const index = indexOf(here, away);
  const bare = manifestOf(MediaType.ociIndex, {
    manifests: [away.manifest.descriptor, here.manifest.descriptor],
  });

  it('the child whose config has the platform is taken by every verb', async (test) => {
    const { client, host } = await open(test);
    const path = await saveTar(test, layoutFiles([{ manifest: bare, name: 'v1' }], [here, away]));
    await client.push(path, `${host}/app:bare`);
    for (const place of [`${host}/app:bare`, `oci-archive:${path}:v1`]) {
      for (const [platform, image] of [
        [amd64, here],
        [arm64, away],
      ] as const) {
        const wanted = image.manifest.descriptor.digest;
        assert.equal((await client.getDescriptor(place, { platform })).digest, wanted);
        assert.equal((await client.copy(place, `${host}/app:one`, { platforms: [platform] })).digest, wanted);
        assert.deepEqual(await client.getConfig(place, { platform }), new Uint8Array(image.config));
      }
      await failsWith(
        client.getDescriptor(place, { platform: parsePlatform('linux/s390x') }),
        'MANIFEST_UNKNOWN',
      );
    }
  });

  it('gantry does not read the configs of children that name a platform, and the refusal lists these platforms', async (test) => {
    const { client, host } = await open(test);
    const path = await saveTar(test, layoutFiles([{ manifest: index, name: 'v1' }], [here, away]));
    await client.push(path, `${host}/app:1`);
    const refusal = await client
      .getDescriptor(`${host}/app:1`, { platform: parsePlatform('linux/s390x') })
      .catch((error: unknown) => error);
    assert.ok(isGantryError(refusal, 'MANIFEST_UNKNOWN'));
    assert.ok(refusal.message.includes('linux/amd64, linux/arm64'));
  });
});

describe('platform-in-a-layout: a pull of one platform', () => {
  for (const annotateRef of [false, true]) {
    it(`a pulled layout has the platform beside the image${annotateRef ? ' and its name' : ''}`, async (test) => {
      const { client, host } = await open(test);
      const path = await saveTar(
        test,
        layoutFiles([{ manifest: indexOf(here, away), name: 'v1' }], [here, away]),
      );
      await client.push(path, `${host}/app:1`);
      const layout = join(folder(test), 'layout');
      await client.pull([`${host}/app:1`], layout, { format: 'oci', annotateRef, platforms: [arm64] });
      const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
      assert.deepEqual(
        manifests.map(({ digest, platform }: { digest: string; platform: object }) => ({ digest, platform })),
        [{ digest: away.manifest.descriptor.digest, platform: arm64 }],
      );
    });
  }
});

describe('second-copy-into-an-archive: a second copy by the client', () => {
  for (const kind of ['oci-archive', 'docker-archive'] as const) {
    it(`both images are in the ${kind}, each by its name, also when the archive is copied into itself`, async (test) => {
      const { client, host } = await open(test);
      const [one, two] = [host, host].map((name, at) => `${name}/team/app:${at + 1}`);
      const source = await saveTar(
        test,
        layoutFiles(
          [
            { ...here, name: 'h' },
            { ...away, name: 'a' },
          ],
          [here, away],
        ),
      );
      await client.copy(`oci-archive:${source}:h`, one ?? '');
      await client.copy(`oci-archive:${source}:a`, two ?? '');
      const path = join(folder(test), 'image.tar');
      await client.copy(one ?? '', `${kind}:${path}:${one}`);
      await client.copy(two ?? '', `${kind}:${path}:${two}`);
      await client.copy(`${kind}:${path}:${one}`, `${kind}:${path}:${host}/team/again:3`);
      for (const [name, image] of [
        [one, here],
        [two, away],
        [`${host}/team/again:3`, here],
      ] as const) {
        assert.equal(
          (await client.getDescriptor(`${kind}:${path}:${name}`)).digest,
          image.manifest.descriptor.digest,
        );
      }
      await client.copy(two ?? '', `${kind}:${path}:${two}`, { replace: true });
      assert.equal(await client.exists(`${kind}:${path}:${one}`), false);
      assert.equal(await client.exists(`${kind}:${path}:${two}`), true);
    });
  }
});

describe('docker25-empty-layers: a layout whose manifest lists other layers than its config', () => {
  const config = {
    mediaType: MediaType.ociConfig,
    digest: digestOf(here.config),
    size: here.config.byteLength,
  };
  const hollow = manifestOf(MediaType.ociManifest, { config, layers: [] });
  const roots = [
    ['the image', hollow],
    ['an index with it', manifestOf(MediaType.ociIndex, { manifests: [hollow.descriptor] })],
  ] as const;
  for (const [sentence, root] of roots) {
    it(`${sentence} is refused, and no part of it gets a name`, async (test) => {
      const { client, host } = await open(test);
      const files = layoutFiles([{ manifest: root, name: 'v1' }], [here, { ...here, manifest: hollow }]);
      const layout = folder(test);
      execFileSync('tar', ['-xf', await saveTar(test, files), '-C', layout]);
      await failsWith(client.push(layout, `${host}/app:1`), 'MANIFEST_INVALID');
      await failsWith(client.push(layout, `${host}/app:1`, { index: true }), 'MANIFEST_INVALID');
      await failsWith(client.copy(`oci:${layout}:v1`, `${host}/app:1`), 'MANIFEST_INVALID');
      assert.equal(await client.exists(`${host}/app:1`), false);
    });
  }
});

describe('second-copy-into-an-archive: a pull into an existing file', () => {
  it('the pull replaces the file, as crane does, and names the lost images', async (test) => {
    const { client, host, warnings } = await open(test);
    const source = await saveTar(test, layoutFiles([{ ...here, name: 'h' }], [here]));
    for (const name of ['one', 'two']) await client.copy(`oci-archive:${source}`, `${host}/${name}:1`);
    const path = join(folder(test), 'image.tar');
    await client.pull([`${host}/one:1`], path);
    await client.pull([`${host}/one:1`], path);
    assert.equal(warnings.length, 0);
    await client.pull([`${host}/two:1`], path);
    assert.equal(warnings.length, 1);
    assert.ok(warnings[0]?.includes(`${host}/one:1`));
    assert.equal(await client.exists(`docker-archive:${path}:${host}/two:1`), true);
    writeFileSync(path, 'notes');
    await client.pull([`${host}/two:1`], path);
    assert.equal(warnings.length, 2);
  });
});

describe('docker29-partial-index: entries beside a partial index', () => {
  it('an index in an index is taken with its existing part', async (test) => {
    const { client, host } = await open(test);
    const outer = manifestOf(MediaType.ociIndex, { manifests: [pulled.descriptor] });
    const files = [
      ...layoutFiles([{ manifest: outer, name: 'v1' }], [here]),
      file(`blobs/sha256/${pulled.descriptor.digest.slice(7)}`, pulled.bytes),
    ];
    const { digest } = await client.push(await saveTar(test, files), `${host}/app:1`);
    assert.equal(digest, here.manifest.descriptor.digest);
  });

  it('an attestation in index.json does not count as a second image', async (test) => {
    const { client, host } = await open(test);
    const about = attestationOf(here.manifest);
    const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
    const index = {
      schemaVersion: 2,
      manifests: [here.manifest.descriptor, { ...about.descriptor, annotations }],
    };
    const files = [
      ...layoutFiles([here], [here]).filter((entry) => entry.name !== 'index.json'),
      file(`blobs/sha256/${about.descriptor.digest.slice(7)}`, about.bytes),
      file('index.json', index),
    ];
    const { digest } = await client.push(await saveTar(test, files), `${host}/app:1`);
    assert.equal(digest, here.manifest.descriptor.digest);
  });
});

it('a place that is no archive is not replaced', async (test) => {
  const { client, host } = await open(test);
  const source = `oci-archive:${await saveTar(test, layoutFiles([here], [here]))}`;
  for (const target of [`${host}/app:1`, `oci:${join(folder(test), 'layout')}`]) {
    await failsWith(client.copy(source, target, { replace: true }), 'INVALID_OPTION');
  }
  await failsWith(
    listOf(client.copyRepository(`${host}/app`, `${host}/other`, { replace: true })),
    'INVALID_OPTION',
  );
});

describe('missing-local-place: a place on disk that does not exist', () => {
  for (const kind of ['oci', 'oci-archive', 'docker-archive'] as const) {
    it(`copy and validate of a missing ${kind}: throw NAME_UNKNOWN with the path`, async (test) => {
      const { client, host } = await open(test);
      const path = join(folder(test), 'none');
      for (const work of [
        () => client.copy(`${kind}:${path}`, `${host}/app:1`),
        () => client.getManifest(`${kind}:${path}:name`),
        () => listOf(client.validate({ kind, path })),
      ]) {
        const error: unknown = await work().catch((reason: unknown) => reason);
        assert.ok(isGantryError(error, 'NAME_UNKNOWN') && error.message.includes(path), String(error));
      }
    });

    it(`a missing name in ${kind}: is not found either`, async (test) => {
      const { client, host } = await open(test);
      const files = layoutFiles([{ ...here, name: 'v1' }], [here]);
      const path = kind === 'oci' ? await unpacked(test, files) : await saveTar(test, files);
      await failsWith(client.copy(`${kind}:${path}:v2`, `${host}/app:1`), 'MANIFEST_UNKNOWN');
    });
  }

  it('push of a missing place throws NAME_UNKNOWN with the path', async (test) => {
    const { client, host } = await open(test);
    const path = join(folder(test), 'none');
    const error: unknown = await client.push(path, `${host}/app:1`).catch((reason: unknown) => reason);
    assert.ok(isGantryError(error, 'NAME_UNKNOWN') && error.message.includes(path), String(error));
  });
});
