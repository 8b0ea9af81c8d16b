import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { pairOf } from '../../src/sign/forge.test.support.ts';
import { admitByPolicy, admitSigned, openSigner, readPolicy } from '../../src/sign/index.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { type Ended, gantry } from '../cli/gantry.ts';
import { makeImage, makeIndex, store } from '../cli/images.ts';
import { folder } from '../folder.ts';

const ours = pairOf();
const pem = String(ours.key.export({ type: 'pkcs8', format: 'pem' }));

async function stage(test: TestContext) {
  const registry = await startRegistry();
  const client = createClient({ keychain: async () => undefined });
  atEnd(test, async () => {
    await client.close();
    await registry.close();
  });
  await store(registry.registry, 'app', ['1'], await makeIndex('moved'));
  const home = await folder(test);
  await writeFile(join(home, 'cosign.pub'), ours.pem);
  const run = (line: string): Promise<Ended> =>
    gantry(line.replaceAll('HOST', registry.host).split(' '), { cwd: home });
  const repositories = async (): Promise<readonly string[]> => {
    const names: string[] = [];
    for await (const name of registry.registry.repositories()) names.push(name);
    return names;
  };
  const sign = async (reference: string, recursive = false): Promise<void> => {
    await client.sign(`${registry.host}/${reference}`, { signer: await openSigner(pem), recursive });
  };
  return { registry, client, home, run, repositories, sign, host: registry.host };
}

describe('moving only signed images', () => {
  // id: sign-62
  it('copy and pull of an image that is not signed end with 6, and write nothing', async (test) => {
    const { home, run, repositories, sign } = await stage(test);
    assert.equal((await run('copy --verify-key cosign.pub HOST/app:1 HOST/new:1')).code, 6);
    assert.equal((await run('copy -a --verify-key cosign.pub HOST/app HOST/new')).code, 6);
    assert.equal((await run('pull --verify-key cosign.pub HOST/app:1 app.tar')).code, 6);
    assert.equal((await run('pull --verify-key cosign.pub --format oci HOST/app:1 layout')).code, 6);
    assert.deepEqual(await repositories(), ['app']);
    assert.equal(existsSync(join(home, 'app.tar')), false);
    assert.equal(existsSync(join(home, 'layout', 'index.json')), false);
    await sign('app:1');
    assert.equal((await run('copy --verify-key cosign.pub HOST/app:1 HOST/new:1')).code, 0);
    assert.equal((await run('pull --verify-key cosign.pub HOST/app:1 app.tar')).code, 0);
    assert.equal((await run('copy --verify-key absent.pub HOST/app:1 HOST/other:1')).code, 1);
    assert.equal((await run('copy --verify-key app.tar HOST/app:1 HOST/other:1')).code, 2);
  });

  // id: sign-63
  it('a tag that moves after the verdict does not change the copied digest', async (test) => {
    const { registry, client, sign, host } = await stage(test);
    await sign('app:1');
    const { digest } = await client.getDescriptor(`${host}/app:1`);
    const signed = admitSigned({ keys: [ours.pem] });
    const copied = await client.copy(`${host}/app:1`, `${host}/new:1`, {
      admit: async (root, from, named) => {
        await signed(root, from, named);
        await store(registry.registry, 'app', ['1'], await makeImage('another'));
      },
    });
    assert.equal(copied.digest, digest);
    assert.equal((await client.getDescriptor(`${host}/new:1`)).digest, digest);
  });

  // id: sign-64
  it('a chosen image counts with a signature of its index, or of itself', async (test) => {
    const { client, run, sign, host } = await stage(test);
    const chosen = 'copy --verify-key cosign.pub --platform linux/arm64 HOST/app:1 HOST/new';
    assert.equal((await run(`${chosen}:0`)).code, 6);
    const { descriptor } = await client.getManifest(`${host}/app:1`, { platform: 'linux/arm64' });
    await sign(`app@${descriptor.digest}`);
    assert.equal((await run(`${chosen}:1`)).code, 0);
    assert.equal((await run('copy --verify-key cosign.pub HOST/app:1 HOST/new:2')).code, 6);
    const both = 'copy --verify-key cosign.pub --platform linux/arm64,linux/amd64 HOST/app:1 HOST/new';
    await sign('app:1');
    assert.equal((await run(`${both}:3`)).code, 0);
    const other = 'copy --verify-key cosign.pub --platform linux/amd64 HOST/app:1 HOST/new:4';
    assert.equal((await run(other)).code, 0);
  });

  it('copy and pull obey a policy, which is read before any request', async (test) => {
    const { home, run, repositories, host, client } = await stage(test);
    const keyPath = join(home, 'cosign.pub');
    const demand = { type: 'sigstoreSigned', keyPath, signedIdentity: { type: 'matchRepository' } };
    const policy = { default: [{ type: 'reject' }], transports: { docker: { [`${host}/app`]: [demand] } } };
    await writeFile(join(home, 'policy.json'), JSON.stringify(policy));
    await writeFile(join(home, 'wrong.json'), JSON.stringify({ ...policy, more: 1 }));
    const copy = 'copy --policy policy.json HOST/app:1 HOST/new:1';
    assert.equal((await run(copy)).code, 6);
    assert.equal((await run('copy --policy wrong.json 127.0.0.1:1/app:1 HOST/new:1')).code, 2);
    assert.equal((await run(`${copy} --verify-key cosign.pub`)).code, 2);
    assert.equal((await run('copy --policy-bundles HOST/app:1 HOST/new:1')).code, 2);
    const signer = await openSigner(pem);
    await client.sign(`${host}/app:1`, { signer });
    assert.equal((await run(copy)).code, 6);
    assert.deepEqual(await repositories(), ['app']);
    assert.equal((await run(`${copy} --policy-bundles`)).code, 0);
    await client.sign(`${host}/app:1`, { signer, format: 'legacy' });
    assert.equal((await run(copy)).code, 0);
    assert.equal((await run('pull --policy policy.json HOST/app:1 pulled.tar')).code, 0);
    assert.equal((await run('pull --policy policy.json --policy-bundles HOST/app:1 both.tar')).code, 0);
    assert.equal((await run('copy --policy policy.json HOST/new:1 HOST/newer:1')).code, 6);
    assert.equal((await run('copy --policy policy.json pulled.tar HOST/newer:1')).code, 6);
  });

  it('a policy without the origin of an image refuses it', async (test) => {
    const { registry } = await stage(test);
    const accept = Buffer.from('{"default":[{"type":"insecureAcceptAnything"}]}');
    const admit = admitByPolicy(await readPolicy(accept, async () => accept));
    const from = registry.registry.repository('app');
    const manifest = await from.manifests.get('1');
    await assert.rejects(admit(manifest, from, { reference: '1', manifest }), { code: 'INVALID_OPTION' });
  });
});
