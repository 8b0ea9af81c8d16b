import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, isGantryError } from '../errors.ts';
import { readSmall } from '../files/read-small.ts';
import { digestOf } from '../flow/hash.ts';
import type { TlsOptions } from '../http/node/tls.ts';
import { member, optional, readBoolean, readMap, readString } from '../json/field.ts';
import { parseJson } from '../json/parse.ts';
import { digestEncoded } from '../spec/digest.ts';
import { readCertificates } from './certificates.ts';

/** A context of docker: an address under a name. */
export interface DockerContext {
  readonly name: string;
  /** As in DOCKER_HOST. */
  readonly host: string;
  /** The certificates, if the context has any. */
  readonly tls?: TlsOptions | undefined;
}

/** Bytes. Far above every real description. */
const maxBytes = 1024 * 1024;

/**
 * Reads a context from docker's folder. Its files are in folders that are named by the SHA-256 of the name of the context.
 * @throws INVALID_OPTION when there is no such context, or its description cannot be read
 */
export async function readContext(folder: string, name: string): Promise<DockerContext> {
  const id = digestEncoded(digestOf(new TextEncoder().encode(name)));
  const path = join(folder, 'contexts', 'meta', id, 'meta.json');
  const bytes = await readSmall(path, maxBytes);
  if (bytes === undefined) {
    throw new InputError(
      'INVALID_OPTION',
      `there is no docker context "${name.slice(0, 100)}": "docker context ls" lists them; DOCKER_CONTEXT and docker's config.json choose one, and DOCKER_HOST comes before both`,
    );
  }
  const { host, isUnverified } = parseMeta(bytes, path);
  const certificates = join(folder, 'contexts', 'tls', id, 'docker');
  const isSecure = await readdir(certificates).then(
    (names) => names.length > 0,
    () => false,
  );
  if (!isSecure && !isUnverified) return { name, host };
  const tls = await readCertificates(certificates);
  return { name, host, tls: isUnverified ? { ...tls, rejectUnauthorized: false } : tls };
}

function parseMeta(
  bytes: Uint8Array,
  what: string,
): { readonly host: string; readonly isUnverified: boolean } {
  try {
    const meta = readMap({ value: parseJson(bytes, { what }), what, path: '' });
    const docker = readMap(member(readMap(member(meta, 'Endpoints')), 'docker'));
    return {
      host: readString(member(docker, 'Host')),
      isUnverified: optional(docker, 'SkipTLSVerify', readBoolean) ?? false,
    };
  } catch (cause) {
    if (!isGantryError(cause)) throw cause;
    throw new InputError(
      'INVALID_OPTION',
      `the docker context cannot be used: ${cause.message}; set DOCKER_HOST instead`,
      { cause },
    );
  }
}
