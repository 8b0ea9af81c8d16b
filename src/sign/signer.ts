import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { UnsupportedError } from '../errors.ts';
import { callback, checkArgument, checkOptions, either, type Shape, text } from '../spec/options.ts';
import type { SignalOptions } from '../store/contract.ts';
import { encrypted, type Password, readPrivateKey } from './key-file.ts';
import { type PublicKey, publicKeyOf } from './public-key.ts';

/** Makes signatures, for example with a private key in a file or in a cloud's key service. */
export interface Signer {
  /** The public key in PEM. Bundles name it by its hash. */
  readonly publicKey: string;
  /**
   * Signs bytes: with SHA-256 for P-256 (the signature in DER) and for RSA (PKCS#1 v1.5), and without a hash of its own for
   * Ed25519.
   */
  sign(message: Uint8Array, options?: SignalOptions): Promise<Uint8Array>;
}

/** Settings for reading a private key. */
export interface PrivateKeyOptions {
  /** The password of an encrypted key, or a function that asks for it. gantry calls it only for an encrypted key. */
  readonly password?: Password | undefined;
}

/** A private key, encrypted, and its public key; both in PEM. */
export interface KeyPair {
  /** The private key in the encrypted form of cosign. */
  readonly privateKey: string;
  /** The public key. */
  readonly publicKey: string;
}

const isPassword = either('a password or a function', text, callback);
const privateKeyShape: Shape<PrivateKeyOptions> = { password: isPassword };

/**
 * Opens a private key in PEM to sign with: P-256, RSA or Ed25519, in PKCS#8 (also encrypted), SEC1, PKCS#1 or the encrypted form
 * of cosign.
 * @throws INVALID_OPTION when the text is no private key, or the key is encrypted and there is no password
 * @throws DENIED when the password does not open the key
 * @throws TOO_LARGE when opening the key would take more than 256 MiB
 * @throws UNSUPPORTED for P-384 and P-521: cosign does not verify their signatures
 */
export async function openSigner(pem: string, options: PrivateKeyOptions = {}): Promise<Signer> {
  checkArgument('openSigner', 'pem', pem, text);
  checkOptions('openSigner', options, privateKeyShape);
  const key = await readPrivateKey(pem, options.password);
  const { kind, pem: publicKey } = publicPart(key);
  if (kind === 'P-384' || kind === 'P-521') {
    throw new UnsupportedError(
      'sign',
      `cosign does not verify signatures of ${kind}: sign with P-256, RSA or Ed25519`,
    );
  }
  const hash = kind === 'Ed25519' ? null : 'sha256';
  return { publicKey, sign: async (message) => sign(hash, message, key) };
}

/** Returns the public key that belongs to a private key. @throws as `openSigner` does */
export async function publicKeyFor(pem: string, options: PrivateKeyOptions = {}): Promise<PublicKey> {
  checkArgument('publicKeyFor', 'pem', pem, text);
  checkOptions('publicKeyFor', options, privateKeyShape);
  return publicPart(await readPrivateKey(pem, options.password));
}

function publicPart(key: KeyObject): PublicKey {
  return publicKeyOf(createPublicKey(key));
}

/** Makes a new key of P-256 in the encrypted form of cosign. The password may be empty. */
export async function generateKey(password: string): Promise<KeyPair> {
  checkArgument('generateKey', 'password', password, text);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return pairOf(privateKey, password);
}

/** Settings of `importKey`. */
export interface ImportKeyOptions extends PrivateKeyOptions {
  /**
   * The password of the new file.
   * @defaultValue an empty password
   */
  readonly newPassword?: string | undefined;
}

/**
 * Brings a private key in PEM into the encrypted form of cosign.
 * @throws as `openSigner` does
 */
export async function importKey(pem: string, options: ImportKeyOptions = {}): Promise<KeyPair> {
  checkArgument('importKey', 'pem', pem, text);
  checkOptions('importKey', options, { ...privateKeyShape, newPassword: text });
  return pairOf(await readPrivateKey(pem, options.password), options.newPassword ?? '');
}

async function pairOf(key: KeyObject, password: string): Promise<KeyPair> {
  const { pem: publicKey } = publicPart(key);
  return { privateKey: await encrypted(key, password), publicKey };
}
