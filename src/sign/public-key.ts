import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { InputError } from '../errors.ts';
import { checkArgument, text } from '../spec/options.ts';
import type { SignalOptions } from '../store/contract.ts';

/**
 * Decides whether a signature is valid, for example with a public key in a file or in a cloud's key service. Two verifiers
 * with one name count as one signer.
 */
export interface Verifier {
  /** The name of the signer in results, such as the hash of the key. */
  readonly name: string;
  /** Resolves with whether the signature covers exactly these bytes. */
  verify(message: Uint8Array, signature: Uint8Array, options?: SignalOptions): Promise<boolean>;
}

/** A public key. */
export interface PublicKey extends Verifier {
  /** The kind of the key, such as `P-256`. */
  readonly kind: KeyKind;
  /** The SHA-256 of the key (its SubjectPublicKeyInfo) in base64, by which bundles name it. */
  readonly name: string;
  /** The key in PEM. */
  readonly pem: string;
}

/** The kinds of keys that gantry verifies with. */
export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'RSA' | 'Ed25519';

const curves: ReadonlyMap<string, KeyKind> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
]);

/**
 * The hashes that a signature of a kind may be made with, the usual one first. cosign makes signatures with SHA-256 for
 * every curve on request.
 */
const hashes: Readonly<Record<KeyKind, readonly (string | null)[]>> = {
  'P-256': ['sha256'],
  'P-384': ['sha384', 'sha256'],
  'P-521': ['sha512', 'sha256'],
  RSA: ['sha256'],
  Ed25519: [null],
};

/** Smaller ones can be factored. */
const leastRsaBits = 2048;
/** A larger key makes every verification slow. */
const mostRsaBits = 16_384;

/**
 * Parses a public key in PEM: SubjectPublicKeyInfo of P-256, P-384, P-521, RSA of 2048 bits or more, or Ed25519.
 * @throws INVALID_OPTION when the text is no such key
 */
export function parsePublicKey(pem: string): PublicKey {
  checkArgument('parsePublicKey', 'pem', pem, text);
  if (/PRIVATE KEY-----/.test(pem)) {
    throw refused('this is a private key: verify with the public one, which "gantry key public" prints');
  }
  const body = /^\s*-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----\s*$/.exec(pem)?.[1];
  if (body === undefined) throw refused('there is no public key in PEM (-----BEGIN PUBLIC KEY-----)');
  return publicKeyOf(keyOf(pem));
}

/** @throws INVALID_OPTION when gantry does not verify with keys of this kind */
export function publicKeyOf(key: KeyObject): PublicKey {
  const kind = kindOf(key);
  const der = key.export({ type: 'spki', format: 'der' });
  return {
    kind,
    name: createHash('sha256').update(der).digest('base64'),
    pem: String(key.export({ type: 'spki', format: 'pem' })),
    verify: async (message, signature) => hashes[kind].some((hash) => verify(hash, message, key, signature)),
  };
}

/** @throws INVALID_OPTION for another kind */
function kindOf(key: KeyObject): KeyKind {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type === 'ed25519') return 'Ed25519';
  if (type === 'rsa') {
    const bits = details.modulusLength ?? 0;
    if (bits >= leastRsaBits && bits <= mostRsaBits) return 'RSA';
    throw refused(`an RSA key of ${bits} bits: gantry takes ${leastRsaBits} to ${mostRsaBits}`);
  }
  const curve = type === 'ec' ? curves.get(details.namedCurve ?? '') : undefined;
  if (curve !== undefined) return curve;
  throw refused(
    `a key of the kind ${details.namedCurve ?? type}: gantry takes P-256, P-384, P-521, RSA and Ed25519`,
  );
}

function keyOf(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (error) {
    throw new InputError('INVALID_OPTION', 'the public key is damaged: its PEM holds no key', {
      cause: error,
    });
  }
}

function refused(problem: string): InputError {
  return new InputError('INVALID_OPTION', problem);
}
