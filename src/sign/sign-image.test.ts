import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { copyImage } from '../copy/copy.ts';
import { collect } from '../flow/collect.ts';
import { createImage } from '../image/create.ts';
import { createIndex } from '../image/create-index.ts';
import type { Image } from '../image/image.ts';
import { imageSource } from '../image/source.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Repository } from '../store/contract.ts';
import { attestReference } from './attest.ts';
import { listAttestations } from './attestations.ts';
import { bundleType } from './bundle.ts';
import { sceneOf } from './forge.test.support.ts';
import { parsePublicKey } from './public-key.ts';
import { signReference } from './sign-image.ts';
import { generateKey, importKey, openSigner, publicKeyFor, type Signer } from './signer.ts';
import { verifyDigest } from './verify-image.ts';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));

async function referrersOf(from: Repository, digest: Digest): Promise<readonly Descriptor[]> {
  const found: Descriptor[] = [];
  for await (const referrer of from.referrers(digest)) found.push(referrer);
  return found;
}

function placeOf(repository: Repository): Parameters<typeof signReference>[0] {
  return { from: repository, to: repository, name: 'registry.test/demo/app' };
}

async function read(from: Repository, blob: Descriptor): Promise<Buffer> {
  return Buffer.from(await collect(from.blobs.open(blob).open(), { limit: 2 ** 20, what: 'a blob' }));
}

function emptyImage(architecture: string): Image {
  return createImage({ config: { os: 'linux', architecture, author: architecture }, layers: [] });
}

describe('signing an image', () => {
  // id: sign-35
  it('makes one referrer with one bundle, whose statement has the digest of the image', async () => {
    const { repository, image, digest } = await sceneOf();
    const signer = await openSigner(pem);
    const signed = await signReference(placeOf(repository), '1', { signer });
    assert.equal(signed.digest, digest);
    const [referrer, ...others] = await referrersOf(repository, digest);
    assert.equal(others.length, 0);
    assert.equal(referrer?.artifactType, bundleType);
    assert.deepEqual(Object.keys(referrer?.annotations ?? {}).sort(), [
      'dev.sigstore.bundle.content',
      'dev.sigstore.bundle.predicateType',
      'org.opencontainers.image.created',
    ]);
    const { body } = await repository.manifests.get(referrer?.digest ?? '');
    assert.ok(body.kind === 'image');
    assert.equal(body.config.mediaType, 'application/vnd.oci.empty.v1+json');
    assert.deepEqual(body.subject, { mediaType: image.mediaType, digest: image.digest, size: image.size });
    const [layer] = body.layers;
    assert.ok(layer !== undefined && body.layers.length === 1 && layer.mediaType === bundleType);
    const bundle = JSON.parse((await read(repository, layer)).toString());
    assert.equal(bundle.verificationMaterial.publicKey.hint, parsePublicKey(signer.publicKey).name);
    assert.deepEqual(Object.keys(bundle.dsseEnvelope.signatures[0]), ['sig']);
    assert.deepEqual(JSON.parse(Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()), {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: digest.slice(7) }, annotations: {} }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
    });
    const { verified } = await verifyDigest(repository, digest, { keys: [signer.publicKey] });
    assert.equal(verified.length, 1);
  });

  // id: sign-37
  it('signs an index and each of its images once, or the index alone', async () => {
    const index = createIndex([{ image: emptyImage('amd64') }, { image: emptyImage('arm64') }]);
    const { repository: source, root } = await imageSource(index);
    for (const [recursive, count] of [
      [undefined, 3],
      [false, 1],
    ] as const) {
      const repository = createMemoryRegistry().repository('demo/app');
      await copyImage(source, root.digest, repository, { tags: ['1'] });
      const { signatures } = await signReference(placeOf(repository), '1', {
        signer: await openSigner(pem),
        recursive,
      });
      assert.equal(signatures.length, count);
      assert.equal(signatures[0]?.digest, root.digest);
      for (const { digest } of signatures) assert.equal((await referrersOf(repository, digest)).length, 1);
    }
  });

  // id: sign-38
  it('signs annotations with the image', async () => {
    const { repository, digest } = await sceneOf();
    const signer = await openSigner(pem);
    const annotations = { build: '42' };
    await signReference(placeOf(repository), '1', { signer, annotations, format: 'both' });
    const { verified } = await verifyDigest(repository, digest, { keys: [signer.publicKey], annotations });
    assert.deepEqual(
      verified.map(({ format }) => format),
      ['bundle', 'legacy'],
    );
  });

  // id: sign-39
  it('adds a layer under the legacy tag beside those of other signers, also at the same time', async () => {
    const { repository, digest } = await sceneOf();
    const signers = await Promise.all(
      [1, 2, 3].map(async () => openSigner((await importKey(newPem(), {})).privateKey, { password: '' })),
    );
    await signReference(placeOf(repository), '1', { signer: await openSigner(pem), format: 'legacy' });
    await Promise.all(
      signers.map((signer) => signReference(placeOf(repository), '1', { signer, format: 'legacy' })),
    );
    const { body } = await repository.manifests.get(`${digest.replace(':', '-')}.sig`);
    assert.ok(body.kind === 'image');
    assert.equal(body.layers.length, 4);
    const config = JSON.parse((await read(repository, body.config)).toString());
    assert.deepEqual(
      config.rootfs.diff_ids,
      body.layers.map((layer) => layer.digest),
    );
    for (const { publicKey } of signers) {
      const { verified } = await verifyDigest(repository, digest, { keys: [publicKey] });
      assert.deepEqual(
        verified.map(({ reference }) => reference),
        ['registry.test/demo/app'],
      );
    }
    assert.equal((await referrersOf(repository, digest)).length, 0);
  });

  // id: sign-40
  it('makes both formats on request, and with dryRun nothing', async () => {
    const { repository, digest } = await sceneOf();
    const signer = await openSigner(pem);
    const dry = await signReference(placeOf(repository), '1', { signer, format: 'both', dryRun: true });
    assert.deepEqual(
      dry.signatures.map(({ manifest }) => manifest),
      [undefined, undefined],
    );
    assert.equal((await referrersOf(repository, digest)).length, 0);
    const { signatures } = await signReference(placeOf(repository), '1', { signer, format: 'both' });
    assert.deepEqual(
      signatures.map(({ format }) => format),
      ['bundle', 'legacy'],
    );
  });
});

function newPem(): string {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

function exported(key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1', passphrase?: string): string {
  if (passphrase === undefined) return String(key.export({ type, format: 'pem' } as never));
  return String(key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }));
}

describe('private keys', () => {
  // id: sign-41
  it('a wrong password opens no key, and a file that asks for much memory is refused', async () => {
    const { privateKey: file } = await generateKey('right');
    await assert.rejects(openSigner(file, { password: 'wrong' }), { code: 'DENIED' });
    await assert.rejects(openSigner(file), { code: 'INVALID_OPTION' });
    const asking = (params: unknown): string => {
      const body = Buffer.from(file.replaceAll(/-----.+-----/g, ''), 'base64').toString();
      const json = JSON.parse(body);
      const changed = Buffer.from(JSON.stringify({ ...json, kdf: { ...json.kdf, params } })).toString(
        'base64',
      );
      return `-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----\n${changed}\n-----END ENCRYPTED COSIGN PRIVATE KEY-----`;
    };
    for (const params of [
      { N: 2 ** 40, r: 8, p: 1 },
      { N: 65536, r: 2 ** 30, p: 1 },
      { N: 65536, r: 8, p: 2 ** 30 },
    ]) {
      await assert.rejects(openSigner(asking(params), { password: 'right' }), { code: 'TOO_LARGE' });
    }
    for (const params of [
      {},
      { N: 3, r: 8, p: 1 },
      { N: 1, r: 8, p: 1 },
      { N: 65536, r: 0, p: 1 },
      { N: -2, r: 8, p: 1 },
    ]) {
      await assert.rejects(openSigner(asking(params), { password: 'right' }), { code: 'MANIFEST_INVALID' });
    }
  });

  // id: sign-42
  it('PKCS#8, encrypted or not, SEC1 and PKCS#1 open, and P-521 is unsupported', async () => {
    const ed = generateKeyPairSync('ed25519').privateKey;
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const files = [
      exported(privateKey, 'pkcs8'),
      exported(privateKey, 'sec1'),
      exported(privateKey, 'pkcs8', 'secret'),
      exported(ed, 'pkcs8'),
      exported(ed, 'pkcs8', 'secret'),
      exported(rsa, 'pkcs1'),
      (await generateKey('secret')).privateKey,
    ];
    for (const file of files) {
      const signer = await openSigner(file, { password: async () => 'secret' });
      const message = Buffer.from('a message');
      const signature = await signer.sign(message);
      assert.ok(await parsePublicKey(signer.publicKey).verify(message, signature), file.slice(0, 40));
      assert.equal((await publicKeyFor(file, { password: 'secret' })).pem, signer.publicKey);
    }
    const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey;
    await assert.rejects(openSigner(exported(p521, 'pkcs8')), { code: 'UNSUPPORTED' });
    await assert.rejects(openSigner(exported(privateKey, 'pkcs8', 'secret'), { password: 'x' }), {
      code: 'DENIED',
    });
    for (const text of [
      '',
      'x',
      pem.replace('M', '!'),
      parsePublicKey((await openSigner(pem)).publicKey).pem,
    ]) {
      await assert.rejects(openSigner(text), { code: 'INVALID_OPTION' });
    }
  });

  it('an imported key keeps its public key, and opens with the new password', async () => {
    const { privateKey: file, publicKey } = await importKey(exported(privateKey, 'pkcs8', 'old'), {
      password: 'old',
      newPassword: 'new',
    });
    assert.match(file, /^-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n/);
    assert.equal(publicKey, (await openSigner(pem)).publicKey);
    assert.equal((await openSigner(file, { password: 'new' })).publicKey, publicKey);
  });
});

describe('attestations', () => {
  it('an attestation is listed by its statement, and its predicate is verified', async () => {
    const { repository, digest } = await sceneOf();
    const signer: Signer = await openSigner(pem);
    const predicate = Buffer.from('{"spdxVersion":"SPDX-2.3"}');
    await attestReference(placeOf(repository), '1', { signer, predicate, type: 'spdxjson' });
    await attestReference(placeOf(repository), '1', {
      signer,
      predicate: Buffer.from('text'),
      type: 'custom',
    });
    await signReference(placeOf(repository), '1', { signer });
    const listed = await listAttestations(repository, digest, {});
    assert.deepEqual(listed.map(({ predicateType }) => predicateType).sort(), [
      'https://cosign.sigstore.dev/attestation/v1',
      'https://spdx.dev/Document',
    ]);
    const { verified } = await verifyDigest(repository, digest, {
      keys: [signer.publicKey],
      type: 'spdxjson',
    });
    const [first] = verified;
    const statement = JSON.parse(Buffer.from(first?.payload ?? []).toString());
    assert.deepEqual(statement.predicate, { spdxVersion: 'SPDX-2.3' });
    assert.deepEqual(statement.subject, [
      { name: 'registry.test/demo/app', digest: { sha256: digest.slice(7) } },
    ]);
    for (const [type, bad] of [
      ['spdxjson', 'no JSON'],
      ['no type', '{}'],
      ['sign', '{}'],
    ] as const) {
      await assert.rejects(
        attestReference(placeOf(repository), '1', { signer, predicate: Buffer.from(bad), type }),
        {
          code: 'INVALID_OPTION',
        },
      );
    }
  });
});
