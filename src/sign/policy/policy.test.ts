import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Reference } from '../../spec/reference.ts';
import { attach, forge, pairOf, sceneOf, tagLegacy } from '../forge.test.support.ts';
import { readPolicy } from './policy.ts';
import { readPolicyDocument } from './policy-file.ts';
import { requirementsFor } from './scopes.ts';
import { type IdentityRule, readIdentityRule } from './signed-identity.ts';

const [ours, other] = [pairOf(), pairOf()];
const keyData = Buffer.from(ours.pem).toString('base64');
const none = async (): Promise<Uint8Array> => assert.fail('no file is named');
const bytesOf = (value: unknown): Buffer =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

const reject = [{ type: 'reject' }];
const accept = [{ type: 'insecureAcceptAnything' }];

function image(name: string): { readonly transport: 'docker'; readonly reference: Reference } {
  const [, registry = '', repository = '', mark = '', last = ''] =
    /^([^/]+)\/([^:@]+)([:@])(.+)$/.exec(name) ?? [];
  const identifier = mark === '@' ? { digest: last as Reference['digest'] & string } : { tag: last };
  return { transport: 'docker', reference: { registry, repository, ...identifier } };
}

function ruleOf(value: unknown): IdentityRule {
  return readIdentityRule(value === undefined ? undefined : { value, what: 'x', path: '' });
}

function signedBy(...pems: readonly string[]): Readonly<Record<string, unknown>> {
  return {
    type: 'sigstoreSigned',
    keyDatas: pems.map((pem) => Buffer.from(pem).toString('base64')),
    signedIdentity: { type: 'matchRepository' },
  };
}

describe('a policy file', () => {
  // id: sign-65
  it('is refused before any use for an unknown or duplicate member, an empty list, and a missing default', async () => {
    const signed = { type: 'sigstoreSigned', keyData };
    const wrong: readonly unknown[] = [
      '',
      '[]',
      {},
      { default: [] },
      { default: null },
      { default: accept, more: 1 },
      '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}',
      { default: [{ type: 'unknown' }] },
      { default: [{ type: 'reject', more: 1 }] },
      { default: [{ type: 'sigstoreSigned' }] },
      { default: [{ ...signed, keyPath: 'a' }] },
      { default: [{ ...signed, more: 1 }] },
      { default: [{ type: 'sigstoreSigned', keyDatas: [] }] },
      { default: [{ type: 'sigstoreSigned', keyData: '*' }] },
      { default: [{ type: 'sigstoreSigned', keyData: 'AAAA' }] },
      { default: [{ ...signed, signedIdentity: { type: 'unknown' } }] },
      { default: [{ ...signed, signedIdentity: { type: 'exactReference', dockerReference: 'a/b' } }] },
      { default: [{ ...signed, signedIdentity: { type: 'matchExact', more: 1 } }] },
      { default: [{ ...signed, signedIdentity: { type: 'remapIdentity', prefix: 'a' } }] },
      { default: accept, transports: { docker: { 'a/*/b': accept } } },
      { default: accept, transports: { docker: { 'a/b': [] } } },
      { default: accept, transports: [] },
    ];
    for (const document of wrong) {
      await assert.rejects(
        readPolicy(bytesOf(document), none),
        { code: 'INVALID_OPTION' },
        JSON.stringify(document),
      );
    }
    const unsupported = [
      { type: 'signedBy', keyType: 'GPGKeys', keyPath: 'a' },
      { type: 'signedBaseLayer' },
      { type: 'sigstoreSigned', fulcio: {} },
      { type: 'sigstoreSigned', pki: {} },
      { type: 'sigstoreSigned', keyData, rekorPublicKeyPath: 'a' },
    ];
    for (const demand of unsupported) {
      await assert.rejects(readPolicy(bytesOf({ default: [demand] }), none), { code: 'UNSUPPORTED' });
    }
  });

  // id: sign-66
  it('the most specific scope alone counts, and *. stands for any part of a host', async () => {
    const kinds = ['sigstoreSigned', 'reject', 'insecureAcceptAnything'] as const;
    const demands = {
      sigstoreSigned: [{ type: 'sigstoreSigned', keyData }],
      reject,
      insecureAcceptAnything: accept,
    };
    const document = {
      default: demands.sigstoreSigned,
      transports: {
        docker: {
          'registry.test/ns': reject,
          'registry.test/ns/app': accept,
          'registry.test/ns/app:bad': reject,
          '*.example.com': accept,
          'a.example.com': reject,
          'docker.io/library/busybox': accept,
          '': reject,
        },
        oci: { '/srv/images': accept },
      },
    };
    const policy = await readPolicyDocument(bytesOf(document), none);
    const kindOf = (transport: string, name: string): string => {
      const [first] = requirementsFor(
        policy,
        transport === 'docker' ? image(name) : { transport, path: name },
      );
      return first?.kind ?? '';
    };
    assert.equal(kinds.length, 3);
    for (const [name, kind] of [
      ['registry.test/ns/app:1', 'accept'],
      ['registry.test/ns/app:bad', 'reject'],
      ['registry.test/ns/application:1', 'reject'],
      ['registry.test/nsx/app:1', 'reject'],
      ['x.b.example.com/app:1', 'accept'],
      ['a.example.com/app:1', 'reject'],
      ['example.com/app:1', 'reject'],
      ['docker.io/library/busybox:1', 'accept'],
    ] as const) {
      assert.equal(kindOf('docker', name), kind, name);
    }
    assert.equal(kindOf('oci', '/srv/images/a:1'), 'accept');
    assert.equal(kindOf('oci', '/srv/other'), 'signed');
    assert.equal(kindOf('docker-archive', '/srv/a.tar'), 'signed');
  });

  // id: sign-67
  it('the six identities compare the signed name with the name of the image', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const [byTag, byDigest] = [image('registry.test/ns/app:1'), image(`registry.test/ns/app@${digest}`)];
    const rows: readonly (readonly [unknown, string, boolean, boolean])[] = [
      // The rule, the signed name, and whether it fits the image by tag and the image by digest.
      [undefined, 'registry.test/ns/app:1', true, true],
      [undefined, 'registry.test/ns/app:2', false, true],
      [undefined, 'registry.test/ns/app', false, false],
      [undefined, 'registry.test/ns/other:1', false, false],
      [{ type: 'matchRepoDigestOrExact' }, 'registry.test/ns/app:2', false, true],
      [{ type: 'matchExact' }, 'registry.test/ns/app:1', true, false],
      [{ type: 'matchExact' }, `registry.test/ns/app@${digest}`, false, true],
      [{ type: 'matchExact' }, 'registry.test/ns/app', false, false],
      [{ type: 'matchRepository' }, 'registry.test/ns/app', true, true],
      [{ type: 'matchRepository' }, 'registry.test/ns/app:9', true, true],
      [{ type: 'matchRepository' }, 'registry.test/ns/ap', false, false],
      [{ type: 'matchRepository' }, 'NOT A NAME', false, false],
      [{ type: 'exactReference', dockerReference: 'other.test/a:1' }, 'other.test/a:1', true, true],
      [{ type: 'exactReference', dockerReference: 'other.test/a:1' }, 'registry.test/ns/app:1', false, false],
      [{ type: 'exactRepository', dockerRepository: 'other.test/a' }, 'other.test/a:7', true, true],
      [{ type: 'exactRepository', dockerRepository: 'other.test/a' }, 'other.test/b:7', false, false],
      [
        { type: 'remapIdentity', prefix: 'registry.test/ns', signedPrefix: 'vendor.test/v' },
        'vendor.test/v/app:1',
        true,
        true,
      ],
      [
        { type: 'remapIdentity', prefix: 'registry.test/ns', signedPrefix: 'vendor.test/v' },
        'registry.test/ns/app:1',
        false,
        false,
      ],
      [
        { type: 'remapIdentity', prefix: 'registry.test/n', signedPrefix: 'vendor.test/v' },
        'registry.test/ns/app:1',
        true,
        true,
      ],
    ];
    for (const [value, signed, tag, at] of rows) {
      const rule = ruleOf(value);
      const what = `${JSON.stringify(value)} ${signed}`;
      assert.deepEqual(
        [rule.accepts(byTag.reference, signed), rule.accepts(byDigest.reference, signed)],
        [tag, at],
        what,
      );
    }
  });

  // id: sign-68
  it('all demands of a list have to hold, and any key of one demand is enough', async () => {
    const scene = await sceneOf('demo/app');
    await tagLegacy(scene, [[ours, {}]]);
    const check = async (demands: readonly unknown[], bundles = false): Promise<void> => {
      const policy = await readPolicy(bytesOf({ default: demands }), none, { bundles });
      await policy.check(image('registry.test/demo/app:1'), scene.repository, [scene.digest]);
    };
    await check([signedBy(ours.pem)]);
    await check([signedBy(other.pem, ours.pem)]);
    await check([...accept, signedBy(ours.pem)]);
    const rejected = { code: 'POLICY_REJECTED' };
    await assert.rejects(check([signedBy(ours.pem), signedBy(other.pem)]), rejected);
    await assert.rejects(check([signedBy(ours.pem), ...reject]), rejected);
    await assert.rejects(
      check([{ type: 'sigstoreSigned', keyData }]),
      /does not accept \(matchRepoDigestOrExact\)/,
    );
    await attach(scene, forge(other, scene.digest));
    await assert.rejects(check([signedBy(other.pem)]), /a bundle signs no name/);
    await check([signedBy(other.pem)], true);
  });
});
