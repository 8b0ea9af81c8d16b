import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, it, type TestContext } from 'node:test';
import * as zlib from 'node:zlib';
import { startDistribution } from '../../bench/support/distribution.ts';
import { output } from '../../bench/support/programs.ts';
import type { ConvertOptions } from '../../src/client/convert.ts';
import { isGantryError } from '../../src/errors.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { inspect, openPodman } from '../peers/podman.ts';
import { file, findings, imageOf, put, type Stage, stage, tarOf } from './stage.ts';

const hasZstd = Reflect.has(zlib, 'createZstdCompress');

/** Each conversion whose result other programs should read. */
const conversions: Readonly<Record<string, ConvertOptions>> = {
  docker: { format: 'docker' },
  oci: { format: 'oci' },
  plain: { compression: 'none', format: 'oci' },
  gzip: { compression: 'gzip', level: 1, format: 'docker' },
  ...(hasZstd ? { zstd: { compression: 'zstd', format: 'oci' } } : {}),
  files: { stripPaths: ['/etc/secret'], time: 1000, stripHistory: true },
  inlined: { inlineData: 4096, format: 'oci' },
};

async function sample(test: TestContext): Promise<Stage> {
  const at = await stage(test);
  const layers = [
    await tarOf({ name: 'etc/', type: 'directory' }, file('etc/secret', 'x'), file('etc/os', 'os')),
    await tarOf({ ...file('app', 'y'.repeat(100_000)), mtime: 2000 }),
  ];
  for (const family of ['docker', 'oci'] as const)
    await put(at, family, imageOf({ family, layers, config: { author: family } }));
  return at;
}

describe('converted images and other programs', needs('podman', 'skopeo', 'crane'), () => {
  it('podman pulls and inspects every result, skopeo and crane read it, and gantry finds no fault', async (test) => {
    const at = await sample(test);
    await using podman = await openPodman();
    for (const family of ['docker', 'oci']) {
      for (const [tag, options] of Object.entries(conversions)) {
        const reference = `${at.host}/${family}:${tag}`;
        const format = options.format ?? 'oci';
        await at.client.convert(`${at.host}/${family}:1`, { ...options, format, to: reference });
        const { digest } = await at.client.getDescriptor(reference);
        await podman('pull', '--quiet', '--tls-verify=false', reference);
        assert.equal((await inspect(podman, reference)).digest, digest, reference);
        const seen: { readonly Digest: string } = JSON.parse(
          await output('skopeo', ['inspect', '--tls-verify=false', `docker://${reference}`]),
        );
        assert.equal(seen.Digest, digest, reference);
        // crane reads layers with gzip alone.
        const fast = options.compression === 'none' || options.compression === 'zstd' ? ['--fast'] : [];
        await output('crane', ['validate', ...fast, '--remote', reference]);
        assert.deepEqual(await findings(at, reference), []);
        // podman stores images with the same config as one.
        await podman('rmi', '--force', reference);
      }
    }
  });
});

describe('a registry that takes no digests by SHA-512', needs('docker-registry'), () => {
  it('convert-sha512-refused: docker-registry refuses the image, the error names the digest, and no tag appears', async (test) => {
    const at = await sample(test);
    await using registry = await startDistribution();
    const to = `${registry.host}/app:1`;
    await assert.rejects(
      at.client.convert(`${at.host}/oci:1`, { digestAlgorithm: 'sha512', to }),
      (error) => isGantryError(error) && error.message.includes('sha512'),
    );
    assert.equal(await at.client.exists(to), false);
  });
});

describe('the temporary files of a conversion', () => {
  it('convert-temporary: none is left after a success and after a failure', async (test) => {
    const at = await sample(test);
    const TMPDIR = await folder(test);
    const words = ['convert', '--compression', 'none', '--strip-path', '/etc/secret', `${at.host}/oci:1`];
    assert.equal((await gantry([...words, '-t', `${at.host}/oci:2`], { env: { TMPDIR } })).code, 0);
    assert.deepEqual(await readdir(TMPDIR), []);
    const refused = await gantry([...words, '-t', `${at.host}/oci@sha256:${'0'.repeat(64)}`], {
      env: { TMPDIR },
    });
    assert.equal(refused.code, 1, refused.stderr);
    const missing = await gantry([...words, '--strip-path', '/none'], { env: { TMPDIR } });
    assert.equal(missing.code, 3, missing.stderr);
    assert.deepEqual(await readdir(TMPDIR), []);
  });
});
