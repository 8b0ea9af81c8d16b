import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningRegistry } from '../../bench/support/distribution.ts';
import { output } from '../../bench/support/programs.ts';
import { createClient } from '../../src/index.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { gzipLayer, identityOf, imageOf, indexOfTwo, partsInLayout, saveLayout, tag } from './images.ts';
import { type RegistryKind, registries } from './registries.ts';

/** Docker's own manifests, which skopeo makes from OCI manifests. gantry makes none, and must move them unchanged. */

const forms = [
  { name: 'image', root: await imageOf('amd64', [await gzipLayer('base'), await gzipLayer('top')]) },
  { name: 'manifest list', root: await indexOfTwo() },
] as const;

for (const kind of registries) {
  describe(`docker schema 2 at ${kind.name}`, needs('skopeo', ...kind.needs), () => {
    schema2(kind);
  });
}

function schema2(kind: RegistryKind): void {
  const client = createClient();
  let registry: RunningRegistry;
  before(async () => {
    registry = await kind.start();
  });
  after(async () => {
    await client[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
  });

  for (const { name, root } of forms) {
    it(`gantry copies and pulls the ${name} that skopeo pushed, and skopeo the copy`, async (test) => {
      const home = await folder(test);
      const at = (path: string): string => join(home, path);
      const pushed = `${registry.host}/pushed/${name.replace(' ', '-')}:1`;
      const copied = `${registry.host}/copied/${name.replace(' ', '-')}:1`;
      await saveLayout(root, at('layout'));
      await output('skopeo', [
        'copy',
        '--insecure-policy',
        '--all',
        '--format=v2s2',
        '--dest-tls-verify=false',
        `--digestfile=${at('digest')}`,
        `oci:${at('layout')}:${tag}`,
        `docker://${pushed}`,
      ]);
      const digest = (await readFile(at('digest'), 'utf8')).trim();
      const { mediaType } = await client.getDescriptor(pushed);
      assert.match(mediaType, /^application\/vnd\.docker\.distribution\./);
      assert.equal((await client.copy(pushed, copied)).digest, digest);
      await client.pull([copied], at('pulled'), { format: 'oci' });
      assert.equal((await partsInLayout(at('pulled'))).root, digest);
      assert.deepEqual(
        await identityOf(await client.getImage(copied)),
        await identityOf(await client.getImage(pushed)),
      );
      const raw = await output('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${copied}`]);
      assert.equal(raw, Buffer.from((await client.getManifest(pushed)).bytes).toString());
    });
  }
}
