import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import type { BuildOptions } from '../../src/client/build-options.ts';
import { file, findings, imageOf, put, tarOf } from '../edit/stage.ts';
import { needs } from '../peer.ts';
import { inspect, openPodman } from '../peers/podman.ts';
import { buildStage, npmApp } from './stage.ts';

describe('built images and other programs', needs('podman', 'skopeo', 'crane', 'oras'), () => {
  it('podman pulls every result, skopeo and crane read it, oras finds the bill of materials, and gantry finds no fault', async (test) => {
    const at = await buildStage(test);
    await at.write({ ...npmApp, 'bin/run': '#!/bin/sh\n', link: '-> server.js' });
    await put(at, 'docker', imageOf({ family: 'docker', layers: [await tarOf(file('a', 'one'))] }));
    const name = `${at.host}/built`;
    const build = (tag: string, base: string, options: Partial<BuildOptions> = {}) =>
      // podman stores images with the same config as one.
      at.client.build(at.home, { base, to: `${name}:${tag}`, labels: { tag }, ...options });
    await build('one', at.base, { sbom: 'spdx' });
    await build('index', at.baseIndex, { sbom: 'cyclonedx' });
    await build('docker', `${at.host}/docker:1`);
    await build('plain', at.base, { compression: 'none' });
    await build('scratch', 'scratch', { entrypoint: ['/app/bin/run'] });
    await using podman = await openPodman();
    for (const tag of ['one', 'index', 'docker', 'plain', 'scratch']) {
      const reference = `${name}:${tag}`;
      const { digest } = await at.client.getDescriptor(reference, { platform: 'linux/amd64' });
      await podman('pull', '--quiet', '--tls-verify=false', '--arch=amd64', reference);
      const { digest: pulled } = await inspect(podman, reference);
      const index = await at.client.getDescriptor(reference);
      assert.ok(pulled === digest || pulled === index.digest, `${reference}: ${pulled}`);
      await output('skopeo', [
        'inspect',
        '--tls-verify=false',
        '--override-arch=amd64',
        `docker://${reference}`,
      ]);
      // crane reads no layers without compression.
      if (tag !== 'plain') await output('crane', ['validate', '--remote', reference]);
      assert.deepEqual(await findings(at, reference), [], reference);
    }
    for (const [tag, type] of [
      ['one', 'application/spdx+json'],
      ['index', 'application/vnd.cyclonedx+json'],
    ]) {
      const found = await output('oras', ['discover', '--plain-http', '--format', 'json', `${name}:${tag}`]);
      assert.match(found, new RegExp(`"${type?.replace(/[+.]/g, '\\$&')}"`));
    }
  });
});
