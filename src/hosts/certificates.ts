import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError } from '../errors.ts';
import { onDisk } from '../files/files.ts';
import { systemAuthorities } from '../http/node/authorities.ts';
import type { TlsOptions } from '../http/node/tls.ts';

/** The variables that name places of certificates. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the `certs.d/<host:port>` folders of docker and containers for a host: the authorities (`*.crt`) of all folders, and
 * the client certificate (`*.cert` with its `*.key`) of the first folder with one.
 * @throws INVALID_OPTION when a certificate has no key
 * @throws NO_PERMISSION or IO_FAILED when a file cannot be read
 * @see https://github.com/containers/image/blob/main/docs/containers-certs.d.5.md
 */
export async function certificatesOf(host: string, env: Environment = process.env): Promise<TlsOptions> {
  // Names of folders on Windows have no colons, so docker leaves them out.
  const name = process.platform === 'win32' ? host.replaceAll(':', '') : host;
  // One synchronous check: most hosts have no such folder, and their commands then load no more of the file system.
  const there = folders(env)
    .map((folder) => join(folder, name))
    .filter((folder) => existsSync(folder));
  const found = await Promise.all(there.map(readFolder));
  const ca = found.flatMap((folder) => folder.ca);
  const own = found.find((folder) => folder.own !== undefined)?.own;
  return { ...(ca.length === 0 ? {} : { ca }), ...own };
}

function folders(env: Environment): readonly string[] {
  const home = env['HOME'] || env['USERPROFILE'];
  return [
    ...(home ? [join(home, '.config/containers/certs.d'), join(home, '.docker/certs.d')] : []),
    '/etc/containers/certs.d',
    '/etc/docker/certs.d',
  ];
}

interface Found {
  readonly ca: readonly string[];
  readonly own?: { readonly cert: string; readonly key: string };
}

async function readFolder(folder: string): Promise<Found> {
  const names = await listFolder(folder);
  const authorities = names.filter((name) => name.endsWith('.crt'));
  const ca = await Promise.all(authorities.map((name) => readText(join(folder, name))));
  const cert = names.find((name) => name.endsWith('.cert'));
  if (cert === undefined) return { ca };
  const key = cert.replace(/cert$/, 'key');
  if (!names.includes(key)) throw new InputError('INVALID_OPTION', `${join(folder, cert)} has no ${key}`);
  const [own, secret] = await Promise.all([readText(join(folder, cert)), readText(join(folder, key))]);
  return { ca, own: { cert: own, key: secret } };
}

/** Returns nothing if the folder is absent or unreadable: docker's own belongs to root on many machines. */
async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    return [];
  }
}

/**
 * Reads a file that the user named or installed.
 * @throws NO_PERMISSION or IO_FAILED
 */
export async function readText(path: string): Promise<string> {
  return await onDisk(path, () => readFile(path, 'utf8'));
}

/** The bundles of Linux distributions, in Go's order, so that gantry trusts the same authorities as crane. */
const bundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * Reads the authorities that this machine trusts beside Node's own: NODE_EXTRA_CA_CERTS, SSL_CERT_FILE, SSL_CERT_DIR and the
 * system's. It skips unreadable files, because the command at hand did not ask for them.
 */
export async function machineAuthorities(env: Environment = process.env): Promise<readonly string[]> {
  const named = [env['NODE_EXTRA_CA_CERTS'], env['SSL_CERT_FILE']].filter((path) => path !== undefined);
  const directories = (env['SSL_CERT_DIR'] ?? '').split(':').filter((path) => path !== '');
  const listed = await Promise.all(
    directories.map(async (folder) => (await listFolder(folder)).map((name) => join(folder, name))),
  );
  const system = systemAuthorities() ?? (await firstReadable(bundles));
  const own = await Promise.all([...named, ...listed.flat()].map((path) => readable(path)));
  return [...own.flat(), ...system].filter((text) => text.includes('-----BEGIN CERTIFICATE-----'));
}

async function firstReadable(paths: readonly string[]): Promise<readonly string[]> {
  for (const path of paths) {
    const found = await readable(path);
    if (found.length > 0) return found;
  }
  return [];
}

async function readable(path: string): Promise<readonly string[]> {
  return await readText(path).then(
    (text) => [text],
    () => [],
  );
}
