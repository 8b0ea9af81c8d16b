import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import { editFile } from '../../src/image/edit/file-edit.ts';
import type { TarFileWithBody } from '../../src/tar/write.ts';
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
    await client.edit(`${name}:edited`, (image) => editFile(image, 'os', new Uint8Array([1])), {
      to: `${name}:file`,
    });
    await client.flatten(`${name}:file`, { keep: 1, to: `${name}:kept` });
    for (const tag of ['appended', 'edited', 'rebased', 'flat', 'file', 'kept'])
      references.push(`${name}:${tag}`);
  }
  return { ...at, references };
}

function dir(name: string): TarFileWithBody {
  return { name, type: 'directory' };
}

function link(name: string, linkname: string): TarFileWithBody {
  return { name, type: 'link', linkname };
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

  it('podman unpacks the same files of an image before and after the layers above its base are merged', async (test) => {
    const at = await stage(test);
    const layers = await Promise.all([
      tarOf(
        dir('d/'),
        file('d/a', '1'),
        file('d/b', '2'),
        dir('e/'),
        file('e/a', '3'),
        dir('f/'),
        file('f/a', '4'),
        file('g', '5'),
        file('h', '6'),
      ),
      tarOf(file('d/.wh..wh..opq', ''), file('d/b', '7'), file('.wh.e', ''), file('new', '8')),
      tarOf(file('.wh.f', ''), link('i', 'g'), link('j', 'h')),
      tarOf(file('f', '9'), file('.wh.h', ''), file('.wh.new', ''), file('d/c', '10')),
    ]);
    await put(at, 'app', imageOf({ layers, config: { config: { Cmd: ['/none'] } } }));
    await at.client.flatten(`${at.host}/app:1`, { keep: 1, to: `${at.host}/app:kept` });
    await using podman = await openPodman();
    const home = await folder(test);
    const listings: string[] = [];
    for (const tag of ['1', 'kept']) {
      await podman('pull', '--quiet', '--tls-verify=false', `${at.host}/app:${tag}`);
      await podman('create', '--name', `c${tag}`, '--network=none', `${at.host}/app:${tag}`);
      await podman('export', '-o', join(home, `${tag}.tar`), `c${tag}`);
      await podman('rm', `c${tag}`);
      const lines = await output('tar', ['-tvf', join(home, `${tag}.tar`)]);
      listings.push(
        lines
          .split('\n')
          .filter((line) => !line.endsWith('/'))
          .sort()
          .join('\n'),
      );
    }
    assert.match(listings[0] ?? '', /d\/b/);
    assert.equal(listings[1], listings[0]);
  });
});
