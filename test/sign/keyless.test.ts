import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { VerificationError } from '../../src/errors.ts';
import { attach, type Scene, sceneOf } from '../../src/sign/forge.test.support.ts';
import type { CertificateDemands } from '../../src/sign/keyless/certificate-demands.ts';
import { verifyDigest } from '../../src/sign/verify-image.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import {
  bodyOf,
  certificateBundle,
  identity,
  issuer,
  type MockSigstore,
  mockSigstore,
  signWith,
} from './mock-sigstore.ts';

interface Stage extends Scene {
  readonly mock: MockSigstore;
  readonly demands: CertificateDemands;
}

async function stage(test: TestContext): Promise<Stage> {
  const mock = await mockSigstore(await folder(test));
  return {
    ...(await sceneOf()),
    mock,
    demands: { trustedRoot: mock.trustedRoot, identity, issuer, ignoreSct: true },
  };
}

async function reasonOf({ repository, digest }: Scene, certificate: CertificateDemands): Promise<string> {
  const error: unknown = await verifyDigest(repository, digest, { certificate }).then(
    () => assert.fail('it was verified'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof VerificationError, String(error));
  return error.rejected.map(({ reason }) => reason).join('; ');
}

/** Flips a bit of bytes in base64. */
function flipped(text: unknown): string {
  const bytes = Buffer.from(String(text), 'base64');
  bytes.writeUInt8(bytes.readUInt8(9) ^ 1, 9);
  return bytes.toString('base64');
}

describe('a signature with a certificate', () => {
  it('counts with a log entry, without any network, and its signer is the identity', async (test) => {
    const scene = await stage(test);
    const signed = signWith(await scene.mock.issue(), scene.digest);
    await attach(scene, certificateBundle(signed, [scene.mock.log(bodyOf(signed))]));
    const { verified } = await verifyDigest(scene.repository, scene.digest, { certificate: scene.demands });
    assert.deepEqual(
      verified.map(({ signer, log }) => [signer, log]),
      [[identity, 'entry']],
    );
    assert.match(await reasonOf(scene, { ...scene.demands, ignoreSct: false }), /SCT/);
  });

  // id: sign-57
  it('does not count with another identity, issuer, authority, purpose or key', async (test) => {
    const scene = await stage(test);
    const ignoring = { ...scene.demands, ignoreLog: true };
    const signed = signWith(await scene.mock.issue(), scene.digest);
    await attach(scene, certificateBundle(signed, []));
    const { verified } = await verifyDigest(scene.repository, scene.digest, { certificate: ignoring });
    assert.equal(verified[0]?.log, 'none');
    for (const wrong of ['signer@example.tes', 'signer@example.test.', '.*', '']) {
      assert.match(
        await reasonOf(scene, { ...ignoring, identity: wrong }),
        /signed by "signer@example\.test", not by/,
      );
      assert.match(await reasonOf(scene, { ...ignoring, issuer: wrong }), /identified by "https:\/\/issuer/);
    }
    const other = await mockSigstore(await folder(test));
    assert.match(
      await reasonOf(scene, { ...ignoring, trustedRoot: other.trustedRoot }),
      /no (?:valid|trusted) certificate path/,
    );
    const changes: readonly (readonly [Readonly<Record<string, string | undefined>>, RegExp])[] = [
      [{ extendedKeyUsage: undefined }, /not for signing code/],
      [{ extendedKeyUsage: 'serverAuth' }, /not for signing code/],
      [{ subjectAltName: undefined }, /signed by an unknown name/],
      [{ '1.3.6.1.4.1.57264.1.8': undefined }, /identified by an unknown name/],
      [{ basicConstraints: 'critical,CA:TRUE', keyUsage: undefined }, /one of an authority/],
    ];
    for (const [change, reason] of changes) {
      const own = { ...scene, ...(await sceneOf()) };
      await attach(own, certificateBundle(signWith(await own.mock.issue(change), own.digest), []));
      assert.match(await reasonOf(own, ignoring), reason);
    }
    const own = await sceneOf();
    const mixed = { ...signWith(await scene.mock.issue(), own.digest), leaf: await scene.mock.issue() };
    await attach(own, certificateBundle(mixed, []));
    assert.match(await reasonOf(own, ignoring), /signature verification failed/);
    const keys = [String(mixed.leaf.key.export({ type: 'pkcs8', format: 'pem' }))];
    await assert.rejects(verifyDigest(own.repository, own.digest, { keys }), { code: 'INVALID_OPTION' });
  });

  // id: sign-58
  it('does not count with a log entry that is missing, changed, or about something else', async (test) => {
    const { mock, demands, digest } = await stage(test);
    const signed = signWith(await mock.issue(), digest);
    const another = signWith(await mock.issue(), digest);
    const good = mock.log(bodyOf(signed));
    const day = 24 * 60 * 60;
    const proof = Object(good['inclusionProof']);
    const promise = { signedEntryTimestamp: flipped(Object(good['inclusionPromise']).signedEntryTimestamp) };
    const body = Object(bodyOf(signed));
    const bodyWith = (spec: Readonly<Record<string, unknown>>): unknown => ({
      ...body,
      spec: { ...body.spec, ...spec },
    });
    const cases: readonly (readonly [readonly unknown[], RegExp])[] = [
      [[], /no entry in a transparency log/],
      [[good, good], /the same log entry twice/],
      [[{ ...good, inclusionPromise: promise }], /not signed by the log/],
      [[{ ...good, integratedTime: '1' }], /not signed by the log/],
      [[{ ...good, logIndex: '8' }], /not signed by the log/],
      [[{ ...good, canonicalizedBody: flipped(good['canonicalizedBody']) }], /log entry/],
      [[{ ...good, inclusionProof: undefined }], /no inclusion proof/],
      [[{ ...good, inclusionPromise: undefined }], /nothing proves the time/],
      [[{ ...good, logId: { keyId: flipped(Object(good['logId']).keyId) } }], /a log that the trusted root/],
      [[{ ...good, inclusionProof: { ...proof, rootHash: flipped(proof.rootHash) } }], /another root/],
      [[{ ...good, inclusionProof: { ...proof, treeSize: '2' } }], /another root/],
      [[{ ...good, inclusionProof: { ...proof, logIndex: '1' } }], /outside of the log/],
      [[{ ...good, inclusionProof: { ...proof, hashes: [proof.rootHash] } }], /another root/],
      [[{ ...good, inclusionProof: { ...proof, checkpoint: { envelope: 'x' } } }], /malformed/],
      [
        [
          {
            ...good,
            inclusionProof: {
              ...proof,
              checkpoint: { envelope: proof.checkpoint.envelope.replace('- 1', '- 2') },
            },
          },
        ],
        /checkpoint of its log entry is not signed/,
      ],
      [[{ ...good, kindVersion: { kind: 'intoto', version: '0.0.2' } }], /another kind/],
      [[mock.log(bodyOf(another))], /about another/],
      [[mock.log(bodyOf({ ...signed, leaf: another.leaf }))], /another certificate/],
      [[mock.log(bodyWith({ payloadHash: { algorithm: 'sha256', value: '00' } }))], /another statement/],
      [[mock.log(bodyWith({ signatures: [] }))], /not one signature/],
      [[mock.log({ ...body, apiVersion: '9.0.0' })], /does not know/],
      [[mock.log(body, Math.floor(Date.now() / 1000) + 2 * day)], /not valid or expired/],
      [[mock.log(body, 1)], /another key/],
    ];
    for (const [entries, reason] of cases) {
      const scene = await sceneOf();
      await attach(scene, certificateBundle(signed, entries));
      assert.match(await reasonOf(scene, demands), reason);
    }
  });

  it('a trusted root that cannot be read is a wrong option', async () => {
    const { repository, digest } = await sceneOf();
    for (const trustedRoot of ['', '[]', '{"tlogs":1}', '{"a":1,"a":2}', '{"tlogs":[{}]}']) {
      const certificate = { trustedRoot, identity, issuer };
      await assert.rejects(
        verifyDigest(repository, digest, { certificate }),
        { code: 'INVALID_OPTION' },
        trustedRoot,
      );
    }
  });
});

describe('the command line with certificates', () => {
  it('verify and attestation get take a signer by certificate, and no key beside it', async (test) => {
    const registry = await startRegistry();
    atEnd(test, () => registry.close());
    const home = await folder(test);
    const mock = await mockSigstore(home);
    const { image, digest, repository } = await sceneOf();
    const served = registry.registry.repository('app');
    await served.manifests.put(await repository.manifests.get(digest), { tags: ['1'], sparse: true });
    const signed = signWith(await mock.issue(), digest);
    await attach(
      { repository: served, image, digest },
      certificateBundle(signed, [mock.log(bodyOf(signed))]),
    );
    await writeFile(join(home, 'root.json'), mock.trustedRoot);
    const run = (line: string) => gantry(line.replace('HOST', registry.host).split(' '), { cwd: home });
    const signer = `--trusted-root root.json --certificate-identity ${identity} --certificate-oidc-issuer ${issuer}`;
    const verified = await run(`verify HOST/app:1 --json ${signer} --ignore-sct`);
    assert.equal(verified.code, 0, verified.stderr);
    assert.equal(JSON.parse(verified.stdout).verified[0].log, 'entry');
    assert.equal((await run(`verify HOST/app:1 ${signer} --ignore-sct --ignore-tlog`)).code, 0);
    assert.equal((await run(`verify HOST/app:1 ${signer}`)).code, 6);
    assert.equal((await run(`verify HOST/app:1 ${signer} --key root.json`)).code, 2);
    assert.equal((await run(`verify HOST/app:1 --certificate-identity ${identity}`)).code, 2);
    const get = `attestation get HOST/app:1 --type link ${signer} --ignore-tlog --ignore-sct`;
    assert.equal((await run(get)).code, 6);
  });
});
