import { Buffer } from 'node:buffer';
import { InputError } from '../errors.ts';
import { parseJson } from '../json/parse.ts';
import type { SignalOptions } from '../store/contract.ts';
import { attestationStatement, makeBundle } from './make-bundle.ts';
import { predicateTypeOf, signaturePredicate } from './predicate-types.ts';
import { type MadeSignature, putBundle, type SigningPlace } from './sign-image.ts';
import type { Signer } from './signer.ts';

/** The settings of an attestation. */
export interface AttestationSettings {
  /** Makes the signature. */
  readonly signer: Signer;
  /** The statement about the image: a JSON document; for the type `custom` any text. */
  readonly predicate: Uint8Array;
  /** The type of the predicate: a URI, or a short name such as `spdxjson`. */
  readonly type: string;
  /**
   * Writes nothing; the result has the bundle.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean | undefined;
}

/** An SBOM of a large image is some 10 MB, and readers take 32 MiB of a whole bundle. */
const mostBytes = 20 * 1024 * 1024;

/** Signs a statement about a manifest, and writes it as a referrer of the manifest. */
export async function attestReference(
  place: SigningPlace,
  reference: string,
  { signer, predicate, type, dryRun = false, signal }: AttestationSettings & SignalOptions,
): Promise<MadeSignature> {
  const predicateType = predicateTypeOf(type);
  if (predicateType === signaturePredicate) {
    throw new InputError(
      'INVALID_OPTION',
      'an attestation of the type "sign" is a signature: sign the image',
    );
  }
  const value = type === 'custom' ? customPredicate(predicate) : parsePredicate(predicate);
  const { descriptor } = await place.from.manifests.get(reference, { signal });
  const payload = attestationStatement(descriptor.digest, place.name, predicateType, value);
  const bundle = await makeBundle(payload, signer, { signal });
  return putBundle(place.to, descriptor, predicateType, bundle, { dryRun, signal });
}

/** @throws INVALID_OPTION when the bytes are no JSON document */
function parsePredicate(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, { what: 'the predicate', maxBytes: mostBytes, maxDepth: 512 });
  } catch (error) {
    throw new InputError('INVALID_OPTION', error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}

/** Wraps any text as cosign does. */
function customPredicate(bytes: Uint8Array): unknown {
  const Timestamp = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
  return { Data: Buffer.from(bytes).toString('utf8'), Timestamp };
}
