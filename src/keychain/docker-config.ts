import { InputError } from '../errors.ts';
import type { Credential } from './credential.ts';
import { candidateKeys, canonicalKey, isPlainKey } from './server-key.ts';

/** A credential file in the format of docker and podman: `config.json`, `auth.json`. */
export interface DockerConfig {
  /** The path of the file, or another name for it, for error messages. */
  readonly what: string;
  /** The whole document. Other programs own the fields that gantry does not know. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** Bytes. Larger than every real credential file. */
const maxBytes = 1024 * 1024;

/**
 * Parses the file like docker: the last value of a repeated key counts. Throws INVALID_OPTION, with the reason and
 * without any content, when it is not a JSON object.
 */
export function parseDockerConfig(bytes: Uint8Array, what: string): DockerConfig {
  const document = readDocument(bytes);
  if (typeof document !== 'string') return { what, document };
  const advice =
    what === 'DOCKER_AUTH_CONFIG' ? 'correct it or unset it' : 'correct it, or move it away and log in again';
  throw new InputError('INVALID_OPTION', `${what} is not a credential file: it ${document}; ${advice}`);
}

/** Returns the document, or a description of the problem. */
function readDocument(bytes: Uint8Array): Readonly<Record<string, unknown>> | string {
  if (bytes.byteLength > maxBytes) return `has more than ${maxBytes} bytes`;
  let text: string;
  try {
    // The decoder also removes the byte order mark that editors on Windows add.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return 'is not UTF-8 text';
  }
  if (text.trim() === '') return {};
  try {
    const document: unknown = JSON.parse(text);
    return isObject(document) ? document : 'is JSON, but not an object';
  } catch {
    // The parser's message is not used, because it quotes the file.
    return text.includes('\0') ? 'is not JSON in UTF-8, but UTF-16 or binary' : 'is not JSON';
  }
}

/** Returns the file with only its credentials for plain HTTP. */
export function plainEntries({ document, what }: DockerConfig): DockerConfig {
  const { auths } = document;
  const plain = Object.entries(isObject(auths) ? auths : {}).filter(([key]) => isPlainKey(key));
  return { what, document: { auths: Object.fromEntries(plain) } };
}

/** Returns the helper for a registry: the one for this registry, or the default one. */
export function helperFor({ document }: DockerConfig, registry: string): string | undefined {
  const [helper = document['credsStore']] = valuesUnder(document['credHelpers'], canonicalKey(registry));
  return typeof helper === 'string' && helper !== '' ? helper : undefined;
}

/**
 * Returns the credential in the file itself, under the most specific key. Throws INVALID_OPTION when the entry cannot
 * be read.
 */
export function inlineCredential(
  { document, what }: DockerConfig,
  registry: string,
  repository?: string,
): Credential | undefined {
  for (const key of candidateKeys(registry, repository)) {
    for (const entry of valuesUnder(document['auths'], key)) {
      const credential = isObject(entry) ? readEntry(entry, `${what}: the entry of ${key}`) : undefined;
      if (credential !== undefined) return credential;
    }
  }
  return undefined;
}

/** Returns the helpers in the file, each with its canonical keys. The default helper has none. */
export function helpersOf({ document }: DockerConfig): ReadonlyMap<string, readonly string[] | undefined> {
  const helpers = new Map<string, readonly string[] | undefined>();
  const { credHelpers, credsStore } = document;
  for (const [key, helper] of Object.entries(isObject(credHelpers) ? credHelpers : {})) {
    if (typeof helper !== 'string' || helper === '') continue;
    helpers.set(helper, [...(helpers.get(helper) ?? []), canonicalKey(key)]);
  }
  if (typeof credsStore === 'string' && credsStore !== '') helpers.set(credsStore, undefined);
  return helpers;
}

/**
 * Yields every credential in the file itself, with its canonical key. Throws INVALID_OPTION when an entry cannot be
 * read.
 */
export function* inlineCredentials({
  document,
  what,
}: DockerConfig): Iterable<readonly [string, Credential]> {
  const { auths } = document;
  for (const [key, entry] of Object.entries(isObject(auths) ? auths : {})) {
    const credential = isObject(entry) ? readEntry(entry, `${what}: the entry of ${key}`) : undefined;
    if (credential !== undefined) yield [canonicalKey(key), credential];
  }
}

/** Returns the keys of `auths` for this registry, in all their spellings. */
export function keysOf({ document }: DockerConfig, registry: string): readonly string[] {
  const auths = document['auths'];
  return isObject(auths)
    ? Object.keys(auths).filter((key) => canonicalKey(key) === canonicalKey(registry))
    : [];
}

/**
 * Returns the entry for a credential, as docker writes it. Throws INVALID_OPTION for a user name with a colon, which
 * would be read as another user.
 */
export function formatEntry(credential: Credential): Readonly<Record<string, string>> {
  if (credential.kind !== 'registry' && credential.username?.includes(':')) {
    throw new InputError('INVALID_OPTION', 'a user name must not contain a colon');
  }
  switch (credential.kind) {
    case 'basic':
      return { auth: Buffer.from(`${credential.username}:${credential.password}`).toString('base64') };
    case 'identity':
      return {
        ...(credential.username === undefined
          ? {}
          : { auth: Buffer.from(`${credential.username}:`).toString('base64') }),
        identitytoken: credential.token,
      };
    case 'registry':
      return { registrytoken: credential.token };
    default:
      return credential satisfies never;
  }
}

/** Returns undefined for an entry without a credential, which means that a helper has it. */
function readEntry(entry: Readonly<Record<string, unknown>>, what: string): Credential | undefined {
  const { identitytoken, registrytoken, auth } = entry;
  const { username, password } =
    typeof auth === 'string' && auth !== ''
      ? decodeAuth(auth, what)
      : { username: textOf(entry['username']), password: textOf(entry['password']) };
  if (typeof registrytoken === 'string' && registrytoken !== '')
    return { kind: 'registry', token: registrytoken };
  if (typeof identitytoken === 'string' && identitytoken !== '') {
    return { kind: 'identity', token: identitytoken, ...(username === '' ? {} : { username }) };
  }
  return namedCredential(username, password);
}

/** Converts a user and password. Docker's tools store an identity token as the password of the user `<token>`. */
export function namedCredential(username: string, password: string): Credential | undefined {
  if (username === '<token>') return { kind: 'identity', token: password };
  return username === '' && password === '' ? undefined : { kind: 'basic', username, password };
}

/**
 * Decodes base64 of `user:password`, with or without padding. Old versions of docker filled the password up with NULs.
 */
function decodeAuth(auth: string, what: string): { readonly username: string; readonly password: string } {
  // `base64` without -w0 breaks its output into lines.
  const base64 = auth.replace(/\s+/g, '');
  const text = /^[\w+/-]+={0,2}$/.test(base64) ? Buffer.from(base64, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon < 0) {
    const message = `${what} has an "auth" that is not base64 of "user:password"; log in again to replace it`;
    throw new InputError('INVALID_OPTION', message);
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

function valuesUnder(map: unknown, key: string): readonly unknown[] {
  if (!isObject(map)) return [];
  return Object.keys(map).flatMap((name) => (canonicalKey(name) === key ? [map[name]] : []));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
