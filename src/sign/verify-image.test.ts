import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NotFoundError, ResponseError, VerificationError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import type { Repository } from '../store/contract.ts';
import {
  attach,
  type Forgery,
  forge,
  type LegacyForgery,
  pairOf,
  type Scene,
  sceneOf,
  tagLegacy,
} from './forge.test.support.ts';
import { type VerifyImageOptions, verifyDigest } from './verify-image.ts';

const [ours, other, third] = [pairOf(), pairOf(), pairOf()];
const keys = [ours.pem];

async function refusal(scene: Scene, options: VerifyImageOptions = { keys }): Promise<VerificationError> {
  const error: unknown = await verifyDigest(scene.repository, scene.digest, options).then(
    () => assert.fail('it was verified'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof VerificationError, String(error));
  return error;
}

async function assertReason(forgery: Forgery, reason: RegExp, options?: VerifyImageOptions): Promise<void> {
  const scene = await sceneOf();
  await attach(scene, forge(ours, scene.digest, forgery));
  const { code, rejected } = await refusal(scene, options);
  assert.equal(code, 'SIGNATURE_INVALID');
  assert.equal(rejected.length, 1);
  assert.match(rejected[0]?.reason ?? '', reason);
}

function envelope(change: Record<string, unknown>): Forgery {
  return {
    change: (bundle) => ({ ...bundle, dsseEnvelope: { ...Object(bundle['dsseEnvelope']), ...change } }),
  };
}

function failing(from: Repository, change: Partial<Repository>): Repository {
  return { ...from, ...change };
}

describe('a signature in a bundle', () => {
  // id: sign-45
  it('a signature by P-256, P-384, P-521, RSA and Ed25519 counts, with the hash of the curve or SHA-256', async () => {
    const kinds = [
      ['P-256', 'sha256'],
      ['P-384', 'sha384'],
      ['P-384', 'sha256'],
      ['P-521', 'sha512'],
      ['P-521', 'sha256'],
      ['rsa', 'sha256'],
      ['ed25519', null],
    ] as const;
    for (const [kind, hash] of kinds) {
      const scene = await sceneOf();
      const pair = pairOf(kind);
      await attach(scene, forge(pair, scene.digest, { hash }));
      const { digest, verified } = await verifyDigest(scene.repository, scene.digest, { keys: [pair.pem] });
      assert.equal(digest, scene.digest);
      assert.deepEqual(
        verified.map(({ format, log }) => [format, log]),
        [['bundle', 'none']],
      );
    }
  });

  // id: sign-46
  it('an image without a signature is told from one with a signature by another key', async () => {
    const scene = await sceneOf();
    assert.equal((await refusal(scene)).code, 'SIGNATURE_MISSING');
    await attach(scene, forge(other, scene.digest));
    const { code, rejected } = await refusal(scene);
    assert.equal(code, 'SIGNATURE_INVALID');
    assert.match(rejected[0]?.reason ?? '', /the key has not made/);
  });

  // id: sign-47
  it('a signature of another image, of another hash only, or of nothing does not count', async () => {
    const another = digestOf(new Uint8Array(1));
    await assertReason({ subject: { digest: { sha256: another.slice(7) } } }, /about another image/);
    await assertReason({ subject: { digest: { sha512: '00' } } }, /about another image/);
    await assertReason({ statement: { subject: [] } }, /about another image/);
    await assertReason({ statement: { subject: undefined } }, /subject is missing/);
    const scene = await sceneOf();
    const upper = scene.digest.slice(7).toUpperCase();
    await attach(scene, forge(ours, scene.digest, { subject: { digest: { sha256: upper } } }));
    assert.match((await refusal(scene)).rejected[0]?.reason ?? '', /about another image/);
  });

  // id: sign-48
  it('a bundle that was changed after signing, or has not one signature, does not count', async () => {
    await assertReason(envelope({ payload: Buffer.from('{}').toString('base64') }), /the key has not made/);
    await assertReason(envelope({ payloadType: 'application/json' }), /the key has not made/);
    await assertReason({ payloadType: 'application/json' }, /payload has the type application\/json/);
    await assertReason(envelope({ signatures: [] }), /has 0 signatures/);
    await assertReason(envelope({ signatures: [{ sig: 'AAAA' }, { sig: 'AAAA' }] }), /has 2 signatures/);
    await assertReason(envelope({ signatures: [{ sig: 'AAAA' }] }), /the key has not made/);
    await assertReason(envelope({ signatures: [{ sig: '' }] }), /the key has not made/);
    await assertReason(envelope({ signatures: [{ sig: 'A*AA' }] }), /is not base64/);
    await assertReason({ text: (json) => json.slice(0, -9) }, /is not JSON/);
    await assertReason({ payload: 'no JSON' }, /the statement is not JSON/);
    await assertReason({ statement: { _type: 'https://in-toto.io/Statement/v2' } }, /no known version/);
  });

  it('a document with a duplicate key, an unknown member or another version does not count', async () => {
    await assertReason({ text: (json) => json.replace('{', '{"mediaType":"x",') }, /"mediaType" twice/);
    await assertReason({ payload: '{"_type":"a","_type":"b"}' }, /"_type" twice/);
    await assertReason({ change: (bundle) => ({ ...bundle, more: 1 }) }, /unknown member "more"/);
    for (const version of ['0.1', '0.2', '0.4']) {
      const mediaType = `application/vnd.dev.sigstore.bundle+json;version=${version}`;
      await assertReason({ change: (bundle) => ({ ...bundle, mediaType }) }, /only bundles of version 0.3/);
    }
    const certificate = { certificate: { rawBytes: 'AAAA' } };
    await assertReason(
      { change: (bundle) => ({ ...bundle, verificationMaterial: certificate }) },
      /a key is asked for/,
    );
    await assertReason(
      { change: (bundle) => ({ ...bundle, verificationMaterial: {} }) },
      /either a public key or/,
    );
    await assertReason({ statement: { PredicateType: 'x' } }, /other capitals/);
  });

  // id: sign-49
  it('an attestation is no signature, and counts for its own type', async () => {
    const predicateType = 'https://spdx.dev/Document';
    await assertReason({ statement: { predicateType } }, /it states https:\/\/spdx/);
    const scene = await sceneOf();
    await attach(scene, forge(ours, scene.digest, { statement: { predicateType } }));
    for (const type of ['spdxjson', predicateType]) {
      const { verified } = await verifyDigest(scene.repository, scene.digest, { keys, type });
      assert.equal(verified[0]?.predicateType, predicateType);
    }
    assert.equal((await refusal(scene, { keys, type: 'cyclonedx' })).code, 'SIGNATURE_INVALID');
  });

  // id: sign-50
  it('a signature by a stranger hides no good one, and both are reported', async () => {
    const scene = await sceneOf();
    for (const pair of [other, ours, third]) await attach(scene, forge(pair, scene.digest));
    const { verified, rejected } = await verifyDigest(scene.repository, scene.digest, { keys });
    assert.deepEqual([verified.length, rejected.length], [1, 2]);
  });

  // id: sign-52
  it('gantry looks at the first 100 referrers, and says so', async () => {
    const scene = await sceneOf();
    for (let count = 0; count < 101; count++) {
      await attach(scene, forge(other, scene.digest, { subject: { name: String(count) } }));
    }
    assert.match((await refusal(scene)).message, /looked at 100/);
  });

  // id: sign-54
  it('a demanded annotation has to be signed with this value', async () => {
    const scene = await sceneOf();
    await attach(scene, forge(ours, scene.digest, { subject: { annotations: { build: '42' } } }));
    const { verified } = await verifyDigest(scene.repository, scene.digest, {
      keys,
      annotations: { build: '42' },
    });
    assert.deepEqual(verified[0]?.annotations, { build: '42' });
    for (const annotations of [
      { build: '43' },
      { other: '42' },
      { build: '42', other: '' },
      { toString: 'x' },
    ]) {
      assert.match((await refusal(scene, { keys, annotations })).rejected[0]?.reason ?? '', /annotations/);
    }
  });

  // id: sign-56
  it('two of three keys have to sign where two are demanded, and one key counts once', async () => {
    const scene = await sceneOf();
    await attach(scene, forge(ours, scene.digest));
    await attach(scene, forge(ours, scene.digest, { subject: { name: 'again' } }));
    const options = { keys: [ours.pem, other.pem, third.pem], minSignatures: 2 };
    assert.match((await refusal(scene, options)).message, /1 of 2/);
    await attach(scene, forge(third, scene.digest));
    assert.equal((await verifyDigest(scene.repository, scene.digest, options)).verified.length, 3);
    await assert.rejects(
      verifyDigest(scene.repository, scene.digest, { keys: [ours.pem, ours.pem], minSignatures: 2 }),
      {
        code: 'INVALID_OPTION',
      },
    );
  });

  it('a verifier of the caller decides about the signed bytes, and its name is the signer', async () => {
    const scene = await sceneOf();
    await attach(scene, forge(other, scene.digest));
    const messages: string[] = [];
    const verify = async (message: Uint8Array): Promise<boolean> =>
      messages.push(Buffer.from(message).toString()) > 0;
    const { verified } = await verifyDigest(scene.repository, scene.digest, {
      keys: [{ name: 'kms', verify }],
    });
    assert.equal(verified[0]?.signer, 'kms');
    assert.match(messages[0] ?? '', /^DSSEv1 28 application\/vnd\.in-toto\+json \d+ \{/);
  });

  it('a bundle of more than 1 MiB is not read', async () => {
    const scene = await sceneOf();
    await attach(scene, forge(ours, scene.digest, { text: (json) => json + ' '.repeat(1024 * 1024) }));
    assert.match((await refusal(scene)).rejected[0]?.reason ?? '', /more than 1048576/);
  });
});

describe('a signature of the legacy format', () => {
  // id: sign-51
  it('counts beside a bundle of another signer', async () => {
    const scene = await sceneOf();
    await attach(scene, forge(other, scene.digest));
    await tagLegacy(scene, [[ours, { optional: { creator: 'x', timestamp: 1 } }]]);
    const { verified } = await verifyDigest(scene.repository, scene.digest, { keys });
    assert.deepEqual(
      verified.map(({ format, reference }) => [format, reference]),
      [['legacy', 'registry.test/demo/app']],
    );
  });

  // id: sign-55
  it('does not count with another digest, type, layer type or signature', async () => {
    const rows: readonly (readonly [LegacyForgery, RegExp])[] = [
      [{ critical: { image: { 'docker-manifest-digest': digestOf(new Uint8Array(1)) } } }, /another image/],
      [{ critical: { image: { 'Docker-manifest-digest': 'x' } } }, /unknown member/],
      [{ critical: { type: 'atomic container signature' } }, /is not "cosign/],
      [{ critical: { more: 1 } }, /unknown member "more"/],
      [{ mediaType: 'application/vnd.dsse.envelope.v1+json' }, /its layer has the type/],
      [{ signature: () => '' }, /no signature in the annotation/],
      [{ signature: (text) => `${text.slice(0, -8)}AAAAAAA=` }, /the key has not made/],
    ];
    for (const [forgery, reason] of rows) {
      const scene = await sceneOf();
      await tagLegacy(scene, [[ours, forgery]]);
      assert.match((await refusal(scene)).rejected[0]?.reason ?? '', reason);
    }
  });

  it('a second layer counts, and so do its annotations', async () => {
    const scene = await sceneOf();
    await tagLegacy(scene, [
      [other, {}],
      [ours, { optional: { build: '42' } }],
    ]);
    const { verified } = await verifyDigest(scene.repository, scene.digest, {
      keys,
      annotations: { build: '42' },
    });
    assert.equal(verified.length, 1);
    assert.equal((await refusal(scene, { keys, annotations: { build: '1' } })).rejected.length, 2);
  });
});

describe('a place that fails', () => {
  // id: sign-60
  it('an error of the list is not "no signature", and a missing blob is the reason of one candidate', async () => {
    const scene = await sceneOf();
    await attach(scene, forge(ours, scene.digest));
    const broken = new ResponseError('UNEXPECTED_STATUS', 'the registry failed');
    const list = failing(scene.repository, {
      // biome-ignore lint/correctness/useYield: it fails before it yields.
      async *referrers() {
        throw broken;
      },
    });
    await assert.rejects(verifyDigest(list, scene.digest, { keys }), broken);
    const content = (error: Error): Repository =>
      failing(scene.repository, {
        blobs: {
          ...scene.repository.blobs,
          open: () => ({
            replayable: true,
            // biome-ignore lint/correctness/useYield: it fails before it yields.
            async *open() {
              throw error;
            },
          }),
        },
      });
    await assert.rejects(verifyDigest(content(broken), scene.digest, { keys }), broken);
    const gone = content(new NotFoundError('BLOB_UNKNOWN', 'there is no such blob'));
    const { code, rejected } = await refusal({ ...scene, repository: gone });
    assert.equal(code, 'SIGNATURE_INVALID');
    assert.match(rejected[0]?.reason ?? '', /no such blob/);
  });

  it('an aborted verification ends with the reason of its signal', async () => {
    const scene = await sceneOf();
    await attach(scene, forge(ours, scene.digest));
    const reason = new Error('enough');
    await assert.rejects(
      verifyDigest(scene.repository, scene.digest, { keys, signal: AbortSignal.abort(reason) }),
      reason,
    );
  });
});

describe('the demands', () => {
  it('a verification without a usable key is refused before anything is read', async () => {
    const scene = await sceneOf();
    const wrong: readonly VerifyImageOptions[] = [
      {},
      { keys: [] },
      { keys: ['no PEM'] },
      { keys: [String(ours.key.export({ type: 'pkcs8', format: 'pem' }))] },
      { keys, type: 'no type' },
    ];
    for (const options of wrong) {
      await assert.rejects(verifyDigest(scene.repository, scene.digest, options), { code: 'INVALID_OPTION' });
    }
  });
});
