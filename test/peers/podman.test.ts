import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningRegistry } from '../../bench/support/distribution.ts';
import { createClient } from '../../src/index.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { partsInLayout, samples } from './images.ts';
import { inspect, openPodman, type Podman } from './podman.ts';
import { type RegistryKind, registries } from './registries.ts';

/** podman keeps one platform, unpacked: it pulls equal content and pushes layers that it has compressed again. */

const all = await samples();

for (const kind of registries) {
  describe(`gantry and podman at ${kind.name}`, needs('podman', ...kind.needs), () => {
    exchange(kind);
  });
}

function exchange(kind: RegistryKind): void {
  const client = createClient();
  let registry: RunningRegistry;
  let podman: Podman;
  before(async () => {
    podman = await openPodman();
    registry = await kind.start();
  });
  after(async () => {
    await client[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await podman[Symbol.asyncDispose]();
  });

  for (const { name, path, root, parts, amd64 } of all) {
    it(`podman pulls the ${name} that gantry pushed, and gantry what podman pushes of it`, async (test) => {
      const pulled = `${registry.host}/gantry/${path}`;
      await (root.kind === 'image'
        ? client.pushImage(`${pulled}:1`, root)
        : client.pushIndex(`${pulled}:1`, root));
      await podman('pull', '-q', '--tls-verify=false', '--platform=linux/amd64', `${pulled}:1`);
      const there = await inspect(podman, `${pulled}:1`);
      const { descriptor, body } = await amd64.manifest();
      const { rootfs } = await amd64.config();
      assert.equal(there.config, body.config.digest);
      assert.deepEqual(there.diffIds, rootfs.diff_ids);
      for (const digest of [parts.root, descriptor.digest]) {
        assert.ok(there.repoDigests.includes(`${pulled}@${digest}`), digest);
      }

      const home = await folder(test);
      const pushed = `${registry.host}/podman/${path}:1`;
      const digestFile = join(home, 'digest');
      await podman('push', '-q', '--tls-verify=false', `--digestfile=${digestFile}`, `${pulled}:1`, pushed);
      await client.pull([pushed], join(home, 'layout'), { format: 'oci' });
      const found = await partsInLayout(join(home, 'layout'));
      assert.equal(found.root, await readFile(digestFile, 'utf8'));
      assert.ok(found.blobs.includes(body.config.digest));
      assert.equal(found.blobs.length, new Set(found.blobs).size);
      assert.equal(found.blobs.length, 2 + rootfs.diff_ids.length);
    });
  }

  it('podman lists the tags that gantry does', async () => {
    const repository = `${registry.host}/listed/app`;
    const [image] = all;
    assert.ok(image?.root.kind === 'image');
    for (const tag of ['b', 'a', '1.0']) await client.pushImage(`${repository}:${tag}`, image.root);
    const [listed]: readonly { readonly Tags: readonly string[] }[] = JSON.parse(
      await podman('search', '--list-tags', '--tls-verify=false', '--format=json', repository),
    );
    assert.deepEqual([...(listed?.Tags ?? [])].sort(), ['1.0', 'a', 'b']);
  });
}
