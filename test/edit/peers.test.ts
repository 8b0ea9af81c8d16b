import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { inspect, openPodman } from '../peers/podman.ts';
import { file, findings, imageOf, put, type Stage, stage, tarOf } from './stage.ts';

/** Makes images of both families with every command that changes layers. Returns their references. */
async function changed(test: TestContext): Promise<Stage & { readonly references: readonly string[] }> {
  const at = await stage(test);
  const directory = join(await folder(test), 'files');
  await mkdir(directory);
  await writeFile(join(directory, 'app'), 'app');
  const { client, host } = at;
  const [old, next] = [await tarOf(file('os', 'old')), await tarOf(file('os', 'new'), file('more', 'more'))];
  await put(at, 'base', imageOf({ layers: [next] }));
  const references: string[] = [];
  for (const family of ['oci', 'docker'] as const) {
    // podman stores images with the same config as one.
    await put(at, family, imageOf({ family, layers: [old], config: { author: family } }), ['old']);
    const name = `${host}/${family}`;
    await client.append([directory], { base: `${name}:old`, to: `${name}:appended` });
    await client.edit(`${name}:appended`, (image) => image.withConfig({ user: '5', labels: { a: 'b' } }), {
      to: `${name}:edited`,
    });
    await client.rebase(`${name}:edited`, {
      oldBase: `${name}:old`,
      newBase: `${host}/base:1`,
      to: `${name}:rebased`,
    });
    await client.flatten(`${name}:rebased`, { to: `${name}:flat` });
    for (const tag of ['appended', 'edited', 'rebased', 'flat']) references.push(`${name}:${tag}`);
  }
  return { ...at, references };
}

describe('changed images and other programs', needs('podman', 'skopeo', 'crane'), () => {
  it('podman pulls and inspects every result, skopeo and crane read it, and gantry finds no fault', async (test) => {
    const at = await changed(test);
    await using podman = await openPodman();
    for (const reference of at.references) {
      const { digest } = await at.client.getDescriptor(reference);
      await podman('pull', '--quiet', '--tls-verify=false', reference);
      assert.equal((await inspect(podman, reference)).digest, digest, reference);
      const seen: { readonly Digest: string } = JSON.parse(
        await output('skopeo', ['inspect', '--tls-verify=false', `docker://${reference}`]),
      );
      assert.equal(seen.Digest, digest, reference);
      await output('crane', ['validate', '--remote', reference]);
      assert.deepEqual(await findings(at, reference), []);
    }
  });

  it('podman pulls an image of a made index, skopeo and crane read the index, and gantry finds no fault', async (test) => {
    const at = await stage(test);
    const { client, host } = at;
    const layers = [await tarOf(file('a', 'one'))];
    await put(at, 'one', imageOf({ layers, config: { author: 'one' } }));
    await put(at, 'other', imageOf({ family: 'docker', layers, config: { architecture: 'arm64' } }));
    const index = `${host}/made:1`;
    await client.appendIndex([`${host}/one:1`, `${host}/other:1`], { to: index });
    await client.editIndex(index, (view) => view.withoutPlatforms(['linux/arm64']), { to: `${host}/made:2` });
    await client.appendIndex([`${host}/one:1`, `${host}/other:1`], {
      to: `${host}/made:3`,
      mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
    });
    await using podman = await openPodman();
    for (const tag of ['1', '2', '3']) {
      const reference = `${host}/made:${tag}`;
      await podman('pull', '--quiet', '--tls-verify=false', '--arch=amd64', reference);
      await output('skopeo', [
        'inspect',
        '--tls-verify=false',
        '--override-arch=amd64',
        `docker://${reference}`,
      ]);
      await output('crane', ['validate', '--remote', reference]);
      assert.deepEqual(await findings(at, reference), []);
    }
  });
});
