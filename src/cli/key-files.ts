import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InputError, StorageError } from '../errors.ts';
import { lookAt, onDisk } from '../files/files.ts';
import type { CertificateDemands } from '../sign/keyless/certificate-demands.ts';
import type { NotationDemands } from '../sign/notation/notation-demands.ts';
import type { Signer } from '../sign/signer.ts';
import type { SignatureOptions } from '../sign/verify-image.ts';
import type { Context } from './context.ts';
import { ofOption } from './of-option.ts';
import type { ParsedArgs } from './parsed-args.ts';
import { askUser, findTerminal } from './prompt.ts';
import { readStdin } from './stdin.ts';

/** Keys, policies and bundles are far smaller. */
const mostBytes = 32 * 1024 * 1024;

/** Reads a file that an option names. @throws IO_FAILED or NO_PERMISSION naming the option */
export async function readNamed(option: string, path: string): Promise<Buffer> {
  return onDisk(path, async () => {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of createReadStream(path)) {
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      if (length > mostBytes) {
        throw new StorageError('IO_FAILED', `${path} has more than ${mostBytes} bytes`, { path });
      }
    }
    return Buffer.concat(chunks);
  }).catch(ofOption(option));
}

/**
 * Reads the signers to accept: the keys of --key, or the signer of --certificate-identity.
 * @throws INVALID_OPTION when there is none, or both
 */
export async function givenSigners(
  given: ParsedArgs,
): Promise<Pick<SignatureOptions, 'keys' | 'certificate' | 'notation'>> {
  const paths = given.values('key');
  const certificate = await givenCertificate(given);
  if (certificate !== undefined && paths.length > 0) {
    throw new InputError('INVALID_OPTION', '--key and --certificate-identity exclude each other');
  }
  const notation =
    given.flag('notation-policy') || given.flag('notation-store') ? await givenTrust(given) : undefined;
  if (certificate !== undefined) return { certificate, notation };
  if (paths.length === 0 && notation === undefined) {
    throw new InputError('INVALID_OPTION', 'give the signer: --key FILE, or --certificate-identity NAME');
  }
  return { keys: await readKeys(paths), notation };
}

async function givenTrust(given: ParsedArgs): Promise<NotationDemands> {
  const path = given.text('notation-policy');
  if (path === undefined) throw new InputError('INVALID_OPTION', '--notation-store needs --notation-policy');
  const { readTrustStores } = await import('./trust-stores.ts');
  const trustPolicy = await readNamed('notation-policy', path);
  const store = given.text('notation-store') ?? join(dirname(path), 'truststore', 'x509');
  return { trustPolicy, trustStores: await readTrustStores(store) };
}

async function givenCertificate(given: ParsedArgs): Promise<CertificateDemands | undefined> {
  const [identity, issuer, path] = [
    given.text('certificate-identity'),
    given.text('certificate-oidc-issuer'),
    given.text('trusted-root'),
  ];
  const [ignoreLog, ignoreSct] = [given.flag('ignore-tlog'), given.flag('ignore-sct')];
  if (identity !== undefined && issuer !== undefined && path !== undefined) {
    return { trustedRoot: await readNamed('trusted-root', path), identity, issuer, ignoreLog, ignoreSct };
  }
  if ([identity, issuer, path].every((one) => one === undefined) && !ignoreLog && !ignoreSct)
    return undefined;
  throw new InputError(
    'INVALID_OPTION',
    'a signer by certificate needs --certificate-identity, --certificate-oidc-issuer and --trusted-root',
  );
}

async function readKeys(paths: readonly string[]): Promise<readonly string[]> {
  return Promise.all(paths.map(async (path) => (await readNamed('key', path)).toString('utf8')));
}

/** Opens the private key of --key. */
export async function givenSigner(context: Context, given: ParsedArgs): Promise<Signer> {
  const path = given.text('key');
  if (path === undefined) throw new InputError('INVALID_OPTION', 'give the private key: --key FILE');
  const pem = (await readNamed('key', path)).toString('utf8');
  const { openSigner } = await import('../sign/signer.ts');
  return openSigner(pem, { password: keyPassword(context, given) }).catch(ofOption('key'));
}

/** Returns the question for the password of a key. A new password is asked for twice on a terminal. */
export function keyPassword(
  { signal }: Context,
  given: ParsedArgs,
  { isNew = false }: { readonly isNew?: boolean } = {},
): () => Promise<string> {
  return async () => {
    if (given.flag('password-stdin')) return readStdin(signal);
    const fromEnvironment = process.env['COSIGN_PASSWORD'];
    if (fromEnvironment !== undefined) return fromEnvironment;
    const terminal = findTerminal();
    if (terminal === undefined) {
      throw new InputError(
        'INVALID_OPTION',
        'the private key needs a password: set COSIGN_PASSWORD, or give --password-stdin',
      );
    }
    const typed = await askUser(terminal, 'password of the private key: ', { hidden: true, signal });
    if (isNew && (await askUser(terminal, 'the same again: ', { hidden: true, signal })) !== typed) {
      throw new InputError('INVALID_OPTION', 'the two passwords differ');
    }
    return typed;
  };
}

/** Writes a pair of keys. Replaces no file; only the owner can read the private key. */
export async function writeKeys(
  prefix: string,
  { privateKey, publicKey }: { readonly privateKey: string; readonly publicKey: string },
): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const paths = { privateKey: `${prefix}.key`, publicKey: `${prefix}.pub` };
  for (const path of Object.values(paths)) {
    if ((await lookAt(path)) !== undefined)
      throw new StorageError('IO_FAILED', `${path} exists: gantry replaces no key`, { path });
  }
  await writeNew(paths.privateKey, privateKey, 0o600);
  await writeNew(paths.publicKey, publicKey, 0o644);
  return paths;
}

function writeNew(path: string, text: string, mode: number): Promise<void> {
  return onDisk(path, async () => {
    const file = await open(path, 'wx', mode);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  });
}
