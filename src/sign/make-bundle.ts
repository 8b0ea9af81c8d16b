import { Buffer } from 'node:buffer';
import { digestOf } from '../flow/hash.ts';
import { manifestOf } from '../json/make-manifest.ts';
import type { Annotations, Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { SignalOptions } from '../store/contract.ts';
import { bundleType } from './bundle.ts';
import { signedBytes, statementType } from './envelope.ts';
import { signaturePredicate } from './predicate-types.ts';
import { parsePublicKey } from './public-key.ts';
import type { Signer } from './signer.ts';

const statementVersion = 'https://in-toto.io/Statement/v1';
const emptyType = 'application/vnd.oci.empty.v1+json';

/** Content with its descriptor, ready to be written. */
export interface NewBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** The config of a manifest that needs none. */
export const emptyBlob: NewBlob = newBlob(Buffer.from('{}'), emptyType);

export function newBlob(bytes: Uint8Array, mediaType: string, annotations?: Annotations): NewBlob {
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  return { descriptor: annotations === undefined ? descriptor : { ...descriptor, annotations }, bytes };
}

/** Makes the statement of a signature, with its members in the order of cosign. */
export function signatureStatement(digest: Digest, annotations: Annotations): Buffer {
  const subject = [{ digest: { [digestAlgorithm(digest)]: digestEncoded(digest) }, annotations }];
  return Buffer.from(
    JSON.stringify({ _type: statementVersion, subject, predicateType: signaturePredicate, predicate: {} }),
  );
}

/** Makes the statement of an attestation. `name` is the repository of the image. */
export function attestationStatement(
  digest: Digest,
  name: string,
  predicateType: string,
  predicate: unknown,
): Buffer {
  const subject = [{ name, digest: { [digestAlgorithm(digest)]: digestEncoded(digest) } }];
  return Buffer.from(JSON.stringify({ _type: statementVersion, subject, predicateType, predicate }));
}

/** Signs a statement and makes the bundle. The signature has no `keyid`, because cosign refuses one. */
export async function makeBundle(payload: Buffer, signer: Signer, options: SignalOptions): Promise<NewBlob> {
  const signature = await signer.sign(signedBytes({ payload, payloadType: statementType }), options);
  const bundle = {
    mediaType: bundleType,
    verificationMaterial: { publicKey: { hint: parsePublicKey(signer.publicKey).name } },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: statementType,
      signatures: [{ sig: Buffer.from(signature).toString('base64') }],
    },
  };
  return newBlob(Buffer.from(JSON.stringify(bundle)), bundleType);
}

/** Makes the manifest by which a bundle refers to its image. */
export function bundleManifest(
  bundle: NewBlob,
  { mediaType, digest, size }: Descriptor,
  predicateType: string,
  created: Date,
): Manifest {
  return manifestOf({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: bundleType,
    config: emptyBlob.descriptor,
    layers: [bundle.descriptor],
    subject: { mediaType, digest, size },
    annotations: {
      'dev.sigstore.bundle.content': 'dsse-envelope',
      'dev.sigstore.bundle.predicateType': predicateType,
      'org.opencontainers.image.created': created.toISOString().replace(/\.\d+Z$/, 'Z'),
    },
  });
}
