import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority for the length of a test or a benchmark, made by `openssl` in a folder of the caller. */
export interface Authority {
  readonly caFile: string;
  readonly ca: string;
  /** `names` are alternative names in OpenSSL's form: `DNS:registry.example`, `IP:127.0.0.1`. */
  issue(commonName: string, names: string): Promise<Certificate>;
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes an authority in a folder. */
export async function makeAuthority(folder: string): Promise<Authority> {
  const caFile = join(folder, 'ca.pem');
  const caKey = join(folder, 'ca.key');
  const subject = ['-subj', '/CN=Authority of a test', '-days', '2'];
  await openssl(['req', '-x509', ...newKey, ...subject, '-keyout', caKey, '-out', caFile]);
  return {
    caFile,
    ca: await readFile(caFile, 'utf8'),
    async issue(commonName, names) {
      const path = (extension: string): string => join(folder, `${commonName}.${extension}`);
      await writeFile(path('ext'), `subjectAltName=${names}\n`);
      const request = ['-keyout', path('key'), '-out', path('csr'), '-subj', `/CN=${commonName}`];
      await openssl(['req', ...newKey, ...request]);
      const signer = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
      const signed = ['-in', path('csr'), '-extfile', path('ext'), '-out', path('pem')];
      await openssl(['x509', '-req', ...signer, ...signed]);
      return {
        certFile: path('pem'),
        keyFile: path('key'),
        cert: await readFile(path('pem'), 'utf8'),
        key: await readFile(path('key'), 'utf8'),
      };
    },
  };
}

async function openssl(args: readonly string[]): Promise<void> {
  await run('openssl', [...args]);
}
