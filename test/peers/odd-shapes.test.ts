import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { output } from '../../bench/support/programs.ts';
import { createClient } from '../../src/index.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { makeIndex, store } from '../cli/images.ts';
import { needs } from '../peer.ts';

/** A registry with an index at `app:1`, and a sparse copy of the index at `sparse:1` with linux/arm64 alone. */
async function sparseCopy() {
  const registry = await startRegistry();
  const client = createClient();
  const index = await makeIndex('hello');
  const root = await store(registry.registry, 'app', ['1', '2', 'latest'], index);
  const [source, sparse] = [`${registry.host}/app:1`, `${registry.host}/sparse:1`];
  await client.copy(source, sparse, { platforms: ['linux/arm64'], sparse: true });
  const [amd64, arm64] = (await index.manifest()).body.manifests;
  assert.ok(amd64 && arm64);
  return {
    host: registry.host,
    client,
    root,
    sparse,
    amd64,
    arm64,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await registry.close();
    },
  };
}

describe('a sparse index that gantry copied', () => {
  it(
    'crane reads the index unchanged, finds the image that exists, and fails for the other',
    needs('crane'),
    async () => {
      await using stage = await sparseCopy();
      assert.equal((await output('crane', ['digest', stage.sparse])).trim(), stage.root.digest);
      const arm64 = ['--platform', 'linux/arm64', stage.sparse];
      assert.equal((await output('crane', ['digest', ...arm64])).trim(), stage.arm64.digest);
      await output('crane', ['validate', '--platform', 'linux/arm64', '--remote', stage.sparse]);
      await assert.rejects(output('crane', ['config', '--platform', 'linux/amd64', stage.sparse]));
    },
  );

  it('skopeo inspects the image that exists, and fails for the other', needs('skopeo'), async () => {
    await using stage = await sparseCopy();
    const inspect = (architecture: string): Promise<string> => {
      const words = [
        '--override-os',
        'linux',
        '--override-arch',
        architecture,
        'inspect',
        '--tls-verify=false',
      ];
      return output('skopeo', [...words, `docker://${stage.sparse}`]);
    };
    assert.equal(JSON.parse(await inspect('arm64')).Architecture, 'arm64');
    await assert.rejects(inspect('amd64'));
  });

  it('oras fetches the bytes of the index and of the image that exists', needs('oras'), async () => {
    await using stage = await sparseCopy();
    const fetched = await output('oras', ['manifest', 'fetch', '--plain-http', stage.sparse]);
    assert.equal(fetched, Buffer.from((await stage.client.getManifest(stage.sparse)).bytes).toString());
    const [name] = stage.sparse.split(/:1$/);
    await output('oras', ['manifest', 'fetch', '--plain-http', `${name}@${stage.arm64.digest}`]);
    await assert.rejects(
      output('oras', ['manifest', 'fetch', '--plain-http', `${name}@${stage.amd64.digest}`]),
    );
  });
});

describe('all tags that gantry copied', () => {
  it(
    'skopeo lists all tags that gantry copied, and each leads to the same digest',
    needs('skopeo'),
    async () => {
      await using stage = await sparseCopy();
      const { client, host, root } = stage;
      for await (const _ of client.copyRepository(`${host}/app`, `${host}/all`));
      const listed = JSON.parse(
        await output('skopeo', ['list-tags', '--tls-verify=false', `docker://${host}/all`]),
      );
      assert.deepEqual(listed.Tags, ['1', '2', 'latest']);
      for (const tag of listed.Tags) {
        assert.equal((await client.getDescriptor(`${host}/all:${tag}`)).digest, root.digest);
      }
    },
  );
});
