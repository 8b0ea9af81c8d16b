import { Buffer } from 'node:buffer';
import { createPrivateKey, type KeyObject, randomBytes, scrypt } from 'node:crypto';
import { AuthError, ContentError, InputError } from '../errors.ts';
import { type Field, member, optional, readSize, readString, refusal } from '../json/field.ts';
import { parseJson } from '../json/parse.ts';
import { readBytes } from './base64.ts';
import { readExact } from './exact-object.ts';

/** Returns the password of an encrypted key. gantry asks only if the key is encrypted. */
export type Password = string | (() => Promise<string>);

const cosignLabels: readonly string[] = ['ENCRYPTED SIGSTORE PRIVATE KEY', 'ENCRYPTED COSIGN PRIVATE KEY'];
const plainLabels: readonly string[] = ['PRIVATE KEY', 'EC PRIVATE KEY', 'RSA PRIVATE KEY'];

/** The cost of opening a key: cosign's, 64 MiB. */
const cost = { N: 65_536, r: 8, p: 1 } as const;
/** Four times cosign's memory, and as many times its work. A file may ask for any. */
const mostMemory = 256 * 1024 * 1024;
const mostWork = 16 * cost.N * cost.r * cost.p;

/**
 * Reads a private key in PEM: PKCS#8 (also encrypted), SEC1, PKCS#1, or the encrypted form of cosign.
 * @throws INVALID_OPTION when the text is no private key
 * @throws DENIED when the password does not open it
 * @throws TOO_LARGE when opening it would take more than 256 MiB
 */
export async function readPrivateKey(pem: string, password: Password | undefined): Promise<KeyObject> {
  const [, label = '', body = ''] =
    /^\s*-----BEGIN ([A-Z0-9 ]+)-----([\s\S]+?)-----END \1-----\s*$/.exec(pem) ?? [];
  if (cosignLabels.includes(label)) {
    const der = await decrypted(body, await opening(password));
    return keyOf(() => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
  }
  if (label === 'ENCRYPTED PRIVATE KEY') {
    const passphrase = await opening(password);
    try {
      return createPrivateKey({ key: pem, passphrase });
    } catch (error) {
      throw locked(error);
    }
  }
  if (plainLabels.includes(label)) {
    if (/^Proc-Type: 4,ENCRYPTED/m.test(body)) {
      throw refused('the key is encrypted in an old form that nobody should use: convert it to PKCS#8');
    }
    return keyOf(() => createPrivateKey(pem));
  }
  throw refused('there is no private key in PEM (-----BEGIN PRIVATE KEY-----)');
}

function keyOf(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (error) {
    throw new InputError('INVALID_OPTION', 'the private key is damaged: its PEM holds no key', {
      cause: error,
    });
  }
}

async function opening(password: Password | undefined): Promise<string> {
  if (password === undefined) throw refused('the private key is encrypted, and there is no password for it');
  return typeof password === 'string' ? password : password();
}

async function decrypted(body: string, password: string): Promise<Buffer> {
  const what = 'the private key';
  const bytes = Buffer.from(body, 'base64');
  const field = { value: parseJson(bytes, { what, maxBytes: 64 * 1024 }), what, path: '' };
  const file = readExact(field, 'kdf', 'cipher', 'ciphertext');
  const kdf = readExact(member(file, 'kdf'), 'name', 'params', 'salt');
  const cipher = readExact(member(file, 'cipher'), 'name', 'nonce');
  expectName(member(kdf, 'name'), 'scrypt');
  expectName(member(cipher, 'name'), 'nacl/secretbox');
  const nonce = readBytes(member(cipher, 'nonce'));
  if (nonce.byteLength !== 24) throw refusal(member(cipher, 'nonce'), 'has not 24 bytes');
  const key = await derive(password, readBytes(member(kdf, 'salt')), readCost(member(kdf, 'params')));
  const { xsalsa20poly1305 } = await import('@noble/ciphers/salsa.js');
  try {
    return Buffer.from(xsalsa20poly1305(key, nonce).decrypt(readBytes(member(file, 'ciphertext'))));
  } catch (error) {
    throw locked(error);
  }
}

/**
 * Encrypts a key as cosign does.
 * @see https://github.com/sigstore/cosign/blob/v3.0.0/pkg/cosign/keys.go
 */
export async function encrypted(key: KeyObject, password: string): Promise<string> {
  const [salt, nonce] = [randomBytes(32), randomBytes(24)];
  const derived = await derive(password, salt, cost);
  const { xsalsa20poly1305 } = await import('@noble/ciphers/salsa.js');
  const sealed = xsalsa20poly1305(derived, nonce).encrypt(key.export({ type: 'pkcs8', format: 'der' }));
  const file = JSON.stringify({
    kdf: { name: 'scrypt', params: cost, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: Buffer.from(sealed).toString('base64'),
  });
  const [label = ''] = cosignLabels;
  const lines = Buffer.from(file)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}

interface Cost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

function readCost(field: Field): Cost {
  const params = readExact(field, 'N', 'r', 'p');
  const read = (name: keyof Cost): number => optional(params, name, readSize) ?? 0;
  const { N, r, p } = { N: read('N'), r: read('r'), p: read('p') };
  if (!(N > 1 && Number.isInteger(Math.log2(N)) && r > 0 && p > 0))
    throw refusal(params, 'are no cost of scrypt');
  if (128 * N * r > mostMemory || N * r * p > mostWork) {
    const message = `the private key asks for ${128 * N * r} bytes of memory to open it: at most ${mostMemory} are allowed`;
    throw new ContentError('TOO_LARGE', message, { expected: mostMemory, actual: 128 * N * r });
  }
  return { N, r, p };
}

function derive(password: string, salt: Buffer, { N, r, p }: Cost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // Node refuses more than 32 MiB without a limit of our own, which also has to hold the small rest.
    scrypt(password, salt, 32, { N, r, p, maxmem: 128 * N * r + 1024 * 1024 * p }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

function expectName(field: Field, name: string): void {
  const actual = readString(field);
  if (actual !== name) throw refusal(field, `is "${actual.slice(0, 100)}": gantry knows "${name}"`);
}

function locked(cause: unknown): AuthError {
  return new AuthError('DENIED', "can't open the private key: the password is wrong", { cause });
}

function refused(problem: string): InputError {
  return new InputError('INVALID_OPTION', problem);
}
