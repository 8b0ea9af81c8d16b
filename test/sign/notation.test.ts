import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { VerificationError } from '../../src/errors.ts';
import { attach, type Scene, sceneOf } from '../../src/sign/forge.test.support.ts';
import type { NotationDemands } from '../../src/sign/notation/notation-demands.ts';
import { verifyDigest } from '../../src/sign/verify-image.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { coseOf, jwsOf, type MockNotation, mockNotation } from './mock-notation.ts';

const [jose, cose] = ['application/jose+json', 'application/cose'];
const trusted = 'x509.subject: C=XX, ST=Test, O=mock, CN=signer';

function policyOf(
  verification: unknown = { level: 'strict' },
  changes: Readonly<Record<string, unknown>> = {},
): string {
  const statement = {
    name: 'mock',
    registryScopes: ['*'],
    signatureVerification: verification,
    trustStores: ['ca:mock'],
    trustedIdentities: [trusted],
    ...changes,
  };
  return JSON.stringify({ version: '1.0', trustPolicies: [statement] });
}

interface Stage extends Scene {
  readonly mock: MockNotation;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly demands: NotationDemands;
}

async function stage(mock: MockNotation): Promise<Stage> {
  const scene = await sceneOf();
  const { mediaType, digest, size } = scene.image;
  const demands = { trustPolicy: policyOf(), trustStores: { 'ca:mock': [mock.ca.raw] } };
  return { ...scene, mock, payload: { targetArtifact: { mediaType, digest, size } }, demands };
}

async function reasonOf({ repository, digest }: Scene, notation: NotationDemands): Promise<string> {
  const error: unknown = await verifyDigest(repository, digest, { notation }).then(
    () => assert.fail('it was verified'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof VerificationError, String(error));
  return error.rejected.map(({ reason }) => reason).join('; ');
}

async function made(test: TestContext): Promise<MockNotation> {
  return mockNotation(await folder(test));
}

describe('a signature of Notation', () => {
  // id: sign-71
  it('counts in both envelopes by a trust policy, and its signer is the subject', async (test) => {
    const mock = await made(test);
    const signer = await mock.issue();
    for (const [type, make] of [
      [jose, jwsOf],
      [cose, coseOf],
    ] as const) {
      const scene = await stage(mock);
      await attach(scene, make(signer, scene.payload), type);
      const { verified } = await verifyDigest(scene.repository, scene.digest, { notation: scene.demands });
      assert.deepEqual(
        verified.map(({ format, signer }) => [format, signer]),
        [['notation', 'C=XX, ST=Test, O=mock, CN=signer']],
      );
      const other = await mockNotation(await folder(test));
      const trustStores = { 'ca:mock': [other.ca.raw] };
      assert.match(
        await reasonOf(scene, { ...scene.demands, trustStores }),
        /no authority in the trust stores/,
      );
      await assert.rejects(
        verifyDigest(scene.repository, scene.digest, { keys: [{ name: 'x', verify: async () => true }] }),
        /trust policy is not given/,
      );
    }
  });

  it('does not count with other headers, another payload, key, chain or purpose', async (test) => {
    const mock = await made(test);
    const signer = await mock.issue();
    const [scheme, expiry] = ['io.cncf.notary.signingScheme', 'io.cncf.notary.expiry'];
    const headers: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
      [{ alg: 'ES384' }, /algorithm is ES384/],
      [{ alg: 'none' }, /algorithm is none/],
      [{ cty: 'application/json' }, /payload has another type/],
      [{ crit: [scheme, 'io.example.unknown'], 'io.example.unknown': 1 }, /critical header "io\.example/],
      [{ crit: [] }, /list of critical headers/],
      [{ crit: [scheme, scheme] }, /list of critical headers/],
      [{ crit: [scheme, expiry] }, /critical header is missing/],
      [{ [scheme]: 'notary.x509.other' }, /scheme is none/],
      [{ [expiry]: '2020-01-01T00:00:00Z' }, /expiry is not critical/],
      [{ [expiry]: '2020-01-01T00:00:00Z', crit: [scheme, expiry] }, /has expired/],
      [{ [expiry]: 'soon', crit: [scheme, expiry] }, /expiry is no time/],
    ];
    for (const [change, reason] of headers) {
      const scene = await stage(mock);
      await attach(scene, jwsOf(signer, scene.payload, change), jose);
      assert.match(await reasonOf(scene, scene.demands), reason);
    }
    for (const change of [{ size: 1 }, { digest: 'sha256:00' }, { mediaType: 'x' }]) {
      const scene = await stage(mock);
      const payload = { targetArtifact: { ...Object(scene.payload['targetArtifact']), ...change } };
      await attach(scene, coseOf(signer, payload), cose);
      assert.match(await reasonOf(scene, scene.demands), /another image/);
    }
    const [leaf = Buffer.alloc(0), root = Buffer.alloc(0)] = signer.chain;
    const chains: readonly (readonly [readonly Buffer[], RegExp])[] = [
      [[], /0 certificates/],
      [[leaf], /no chain/],
      [[root, leaf], /no chain|not for signatures|one of an authority/],
      [[leaf, root, root], /^$|chain|authority|certificates/],
      [[Buffer.from('x')], /malformed/],
    ];
    for (const [chain, reason] of chains.filter(([one]) => one.length !== 3)) {
      const scene = await stage(mock);
      await attach(scene, jwsOf({ ...signer, chain }, scene.payload), jose);
      assert.match(await reasonOf(scene, scene.demands), reason);
    }
    const usages: readonly (readonly [Readonly<Record<string, string | undefined>>, RegExp])[] = [
      [{ keyUsage: 'digitalSignature' }, /for signatures only/],
      [{ keyUsage: 'critical,digitalSignature,keyEncipherment' }, /for signatures only/],
      [{ keyUsage: undefined }, /for signatures only/],
      [{ extendedKeyUsage: 'serverAuth' }, /not for signing code/],
      [{ crlDistributionPoints: 'URI:http://crl.test/a' }, /may be revoked/],
    ];
    for (const [change, reason] of usages) {
      const scene = await stage(mock);
      await attach(scene, jwsOf(await mock.issue(change), scene.payload), jose);
      assert.match(await reasonOf(scene, scene.demands), reason);
    }
    const scene = await stage(mock);
    await attach(scene, jwsOf({ ...(await mock.issue()), chain: signer.chain }, scene.payload), jose);
    await attach(scene, coseOf(signer, scene.payload).subarray(0, -1), cose);
    await attach(scene, Buffer.concat([coseOf(signer, scene.payload), Buffer.of(0)]), cose);
    const reasons = await reasonOf(scene, scene.demands);
    for (const reason of [/signature is wrong/, /is cut off/, /bytes behind its end/])
      assert.match(reasons, reason);
  });

  it('the level of the policy decides about an expired, an untrusted and a skipped signature', async (test) => {
    const mock = await made(test);
    const scene = await stage(mock);
    const crit = ['io.cncf.notary.signingScheme', 'io.cncf.notary.expiry'];
    const expired = jwsOf(await mock.issue(), scene.payload, {
      crit,
      'io.cncf.notary.expiry': '2020-01-01T00:00:00Z',
    });
    await attach(scene, expired, jose);
    const by = (verification: unknown, changes?: Readonly<Record<string, unknown>>): Promise<unknown> =>
      verifyDigest(scene.repository, scene.digest, {
        notation: { ...scene.demands, trustPolicy: policyOf(verification, changes) },
      });
    const stranger = { trustedIdentities: ['x509.subject: C=XX, ST=Test, O=other'] };
    await by({ level: 'permissive' });
    await by({ level: 'audit' }, stranger);
    await by({ level: 'strict', override: { expiry: 'log' } });
    await by({ level: 'permissive' }, { trustedIdentities: ['*'] });
    await assert.rejects(by({ level: 'strict' }), { code: 'SIGNATURE_INVALID' });
    await assert.rejects(by({ level: 'permissive' }, stranger), { code: 'SIGNATURE_INVALID' });
    await assert.rejects(by({ level: 'permissive', override: { expiry: 'enforce' } }), {
      code: 'SIGNATURE_INVALID',
    });
    const empty = { trustStores: [], trustedIdentities: undefined };
    assert.deepEqual(await by({ level: 'skip' }, empty), {
      digest: scene.digest,
      verified: [],
      rejected: [],
      skippedBy: 'mock',
    });
  });

  it('a trust policy is read strictly, and needs a statement for the repository', async (test) => {
    const mock = await made(test);
    const { repository, digest, demands } = await stage(mock);
    const wrong: readonly string[] = [
      '',
      '{}',
      policyOf().replace('1.0', '2.0'),
      policyOf().replace('{', '{"version":"1.0",'),
      policyOf({ level: 'lax' }),
      policyOf({ level: 'strict', override: { integrity: 'skip' } }),
      policyOf({ level: 'skip' }),
      policyOf(undefined, { registryScopes: ['*', 'registry.test/a'] }),
      policyOf(undefined, { registryScopes: ['registry.test/other'] }),
      policyOf(undefined, { trustedIdentities: ['x509.subject: C=XX, O=mock'] }),
      policyOf(undefined, { trustedIdentities: [] }),
      policyOf(undefined, { trustStores: [] }),
      policyOf(undefined, { trustStores: ['ca:absent'] }),
      policyOf(undefined, { more: 1 }),
    ];
    for (const trustPolicy of wrong) {
      const notation = { ...demands, trustPolicy };
      await assert.rejects(
        verifyDigest(repository, digest, { notation }),
        { code: 'INVALID_OPTION' },
        trustPolicy,
      );
    }
    const scoped = policyOf(undefined, { registryScopes: ['registry.test/demo/app'] });
    const notation = { ...demands, trustPolicy: scoped, repository: 'registry.test/demo/app' };
    await assert.rejects(verifyDigest(repository, digest, { notation }), { code: 'SIGNATURE_MISSING' });
  });
});

describe('the command line with signatures of Notation', () => {
  it('verify reads the trust policy, and the stores beside it or in another folder', async (test) => {
    const registry = await startRegistry();
    atEnd(test, () => registry.close());
    const home = await folder(test);
    const mock = await mockNotation(home);
    const { image, digest, repository, payload } = await stage(mock);
    const served = registry.registry.repository('app');
    await served.manifests.put(await repository.manifests.get(digest), { tags: ['1'], sparse: true });
    await attach({ repository: served, image, digest }, jwsOf(await mock.issue(), payload), jose);
    await writeFile(
      join(home, 'trustpolicy.json'),
      policyOf(undefined, { registryScopes: [`${registry.host}/app`] }),
    );
    for (const parent of ['truststore/x509', 'elsewhere']) {
      await mkdir(join(home, parent, 'ca', 'mock'), { recursive: true });
      await writeFile(join(home, parent, 'ca', 'mock', 'root.crt'), mock.ca.toString());
    }
    const run = (line: string) => gantry(line.replace('HOST', registry.host).split(' '), { cwd: home });
    const verified = await run('verify --json --notation-policy trustpolicy.json HOST/app:1');
    assert.equal(verified.code, 0, verified.stderr);
    assert.equal(JSON.parse(verified.stdout).verified[0].format, 'notation');
    assert.equal(
      (await run('verify --notation-policy trustpolicy.json --notation-store elsewhere HOST/app:1')).code,
      0,
    );
    assert.equal(
      (await run('verify --notation-policy trustpolicy.json --notation-store absent HOST/app:1')).code,
      1,
    );
    assert.equal((await run('verify --notation-policy trustpolicy.json HOST/other:1')).code, 3);
    assert.equal((await run('verify --notation-store elsewhere HOST/app:1')).code, 2);
  });
});
