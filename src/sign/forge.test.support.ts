import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { manifestOf } from '../json/make-manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestEncoded } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { referrersTag } from '../spec/referrers-tag.ts';
import type { Repository } from '../store/contract.ts';
import { imageOf } from '../testing/contract/sample.ts';
import { bundleType } from './bundle.ts';
import { signedBytes, statementType } from './envelope.ts';
import { signaturePredicate } from './predicate-types.ts';
import { simpleSigningType } from './simple-signing.ts';

/** A pair of keys of a test. */
export interface Pair {
  readonly key: KeyObject;
  /** The public key in PEM. */
  readonly pem: string;
}

export function pairOf(kind: 'P-256' | 'P-384' | 'P-521' | 'rsa' | 'ed25519' = 'P-256'): Pair {
  const { privateKey, publicKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kind });
  return { key: privateKey, pem: String(publicKey.export({ type: 'spki', format: 'pem' })) };
}

/** An image in a new repository in memory. */
export interface Scene {
  readonly repository: Repository;
  readonly image: Descriptor;
  readonly digest: Digest;
}

export async function sceneOf(name = 'demo/app'): Promise<Scene> {
  const repository = createMemoryRegistry().repository(name);
  const image = imageOf({});
  await repository.manifests.put(image, { tags: ['1'], sparse: true });
  return { repository, image: image.descriptor, digest: image.descriptor.digest };
}

/** The values of a forged signature that differ from those of a good one. */
export interface Forgery {
  readonly statement?: Readonly<Record<string, unknown>>;
  readonly subject?: Readonly<Record<string, unknown>>;
  /** The payload in place of a statement. */
  readonly payload?: string;
  readonly payloadType?: string;
  /** The hash of the signature. */
  readonly hash?: string | null;
  /** Changes the finished bundle. */
  readonly change?: (bundle: Record<string, unknown>) => unknown;
  /** Changes the text of the bundle. */
  readonly text?: (json: string) => string;
}

/** Makes the bundle of a signature. */
export function forge({ key }: Pair, digest: Digest, forgery: Forgery = {}): Buffer {
  const { statement = {}, subject, payloadType = statementType, hash = 'sha256' } = forgery;
  const value = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: digestEncoded(digest) }, annotations: {}, ...subject }],
    predicateType: signaturePredicate,
    predicate: {},
    ...statement,
  };
  const payload = Buffer.from(forgery.payload ?? JSON.stringify(value));
  const signature = sign(
    key.asymmetricKeyType === 'ed25519' ? null : hash,
    signedBytes({ payload, payloadType }),
    key,
  );
  const bundle = {
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: '' } },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType,
      signatures: [{ sig: signature.toString('base64') }],
    },
  };
  const changed = forgery.change?.(bundle) ?? bundle;
  const json = JSON.stringify(changed);
  return Buffer.from(forgery.text?.(json) ?? json);
}

/** Adds a bundle as a referrer of the image. */
export async function attach(
  { repository, image }: Scene,
  bundle: Uint8Array,
  type: string = bundleType,
): Promise<Digest> {
  const layer = await put(repository, bundle, type);
  const config = await put(repository, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
  const manifest = manifestOf({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: type,
    config,
    layers: [layer],
    subject: image,
  });
  await repository.manifests.put(manifest);
  return manifest.descriptor.digest;
}

async function put(repository: Repository, bytes: Uint8Array, mediaType: string): Promise<Descriptor> {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await repository.blobs.write(descriptor, bytesContent(bytes));
  return descriptor;
}

/** The values of a forged layer of the legacy format that differ from those of a good one. */
export interface LegacyForgery {
  readonly critical?: Readonly<Record<string, unknown>>;
  readonly optional?: unknown;
  readonly mediaType?: string;
  readonly signature?: (signature: string) => string;
}

/** Puts signatures of the legacy format under cosign's tag. */
export async function tagLegacy(
  { repository, digest }: Scene,
  signatures: readonly (readonly [Pair, LegacyForgery])[],
): Promise<void> {
  const layers = await Promise.all(
    signatures.map(
      async ([
        { key },
        { critical, optional = null, mediaType = simpleSigningType, signature = (one: string) => one },
      ]) => {
        const payload = Buffer.from(
          JSON.stringify({
            critical: {
              identity: { 'docker-reference': 'registry.test/demo/app' },
              image: { 'docker-manifest-digest': digest },
              type: 'cosign container image signature',
              ...critical,
            },
            optional,
          }),
        );
        const made = signature(sign('sha256', payload, key).toString('base64'));
        const layer = await put(repository, payload, mediaType);
        return { ...layer, annotations: { 'dev.cosignproject.cosign/signature': made } };
      },
    ),
  );
  const config = await put(repository, Buffer.from('{}'), MediaType.ociConfig);
  const manifest = manifestOf({ schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers });
  await repository.manifests.put(manifest, { tags: [`${referrersTag(digest)}.sig`] });
}
