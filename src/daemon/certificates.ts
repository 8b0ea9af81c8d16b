import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAs, onDisk } from '../files/files.ts';
import type { TlsOptions } from '../http/node/tls.ts';

/**
 * Reads `ca.pem`, `cert.pem` and `key.pem` in a folder of docker, each if it exists. As for docker, only the authority in `ca.pem`
 * may then sign the daemon's certificate.
 */
export async function readCertificates(folder: string): Promise<TlsOptions> {
  const read = (name: string): Promise<string | undefined> => {
    const path = join(folder, name);
    return onDisk(path, () => absentAs(undefined, readFile(path, 'utf8')));
  };
  const [ca, cert, key] = await Promise.all([read('ca.pem'), read('cert.pem'), read('key.pem')]);
  return { ca, cert, key, ...(ca === undefined ? {} : { onlyCa: true }) };
}
