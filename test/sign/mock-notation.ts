import { execFile } from 'node:child_process';
import { createPrivateKey, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeCbor } from '../../src/sign/notation/cbor.ts';
import { payloadType } from '../../src/sign/notation/envelope-facts.ts';

const openssl = async (...args: readonly string[]): Promise<unknown> =>
  promisify(execFile)('openssl', [...args]);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** An authority for signatures of Notation, and a certificate of a signer. */
export interface MockNotation {
  readonly ca: X509Certificate;
  issue(changes?: Readonly<Record<string, string | undefined>>): Promise<MockSigner>;
}

export interface MockSigner {
  readonly key: KeyObject;
  /** From the signer to the root. */
  readonly chain: readonly Buffer[];
}

export async function mockNotation(folder: string): Promise<MockNotation> {
  const [caFile, caKey] = [join(folder, 'nca.pem'), join(folder, 'nca.key')];
  const root = [
    '-subj',
    '/C=XX/ST=Test/O=mock/CN=root',
    '-days',
    '2',
    '-addext',
    'keyUsage=critical,keyCertSign',
  ];
  await openssl('req', '-x509', ...newKey, ...root, '-keyout', caKey, '-out', caFile);
  const ca = new X509Certificate(await readFile(caFile));
  let count = 0;
  return {
    ca,
    async issue(changes = {}) {
      count += 1;
      const path = (extension: string): string => join(folder, `signer-${count}.${extension}`);
      const extensions = {
        keyUsage: 'critical,digitalSignature',
        extendedKeyUsage: 'codeSigning',
        ...changes,
      };
      const lines = Object.entries(extensions).flatMap(([name, value]) =>
        value === undefined ? [] : `${name}=${value}`,
      );
      await writeFile(path('ext'), lines.join('\n'));
      await openssl(
        'req',
        ...newKey,
        '-keyout',
        path('key'),
        '-out',
        path('csr'),
        '-subj',
        '/C=XX/ST=Test/O=mock/CN=signer',
      );
      const signed = ['-in', path('csr'), '-extfile', path('ext'), '-out', path('pem'), '-days', '1'];
      await openssl('x509', '-req', '-CA', caFile, '-CAkey', caKey, '-CAcreateserial', ...signed);
      const leaf = new X509Certificate(await readFile(path('pem')));
      return { key: createPrivateKey(await readFile(path('key'))), chain: [leaf.raw, ca.raw] };
    },
  };
}

const scheme = 'io.cncf.notary.signingScheme';

/** Makes a JSON Web Signature; `changes` of the protected headers, `undefined` removes one. */
export function jwsOf(
  { key, chain }: MockSigner,
  payload: unknown,
  changes: Readonly<Record<string, unknown>> = {},
): Buffer {
  const head = { alg: 'ES256', crit: [scheme], cty: payloadType, [scheme]: 'notary.x509', ...changes };
  const parts = [head, payload].map((value) => Buffer.from(JSON.stringify(value)).toString('base64url'));
  const signature = sign('sha256', Buffer.from(parts.join('.')), { key, dsaEncoding: 'ieee-p1363' });
  return Buffer.from(
    JSON.stringify({
      payload: parts[1],
      protected: parts[0],
      header: { x5c: chain.map((der) => der.toString('base64')) },
      signature: signature.toString('base64url'),
    }),
  );
}

/** Makes a COSE_Sign1 of the same content. */
export function coseOf({ key, chain }: MockSigner, payload: unknown): Buffer {
  const head = Buffer.concat([
    Buffer.from('a401260281', 'hex'),
    encodeCbor(scheme),
    Buffer.of(3),
    encodeCbor(payloadType),
    encodeCbor(scheme),
    encodeCbor('notary.x509'),
  ]);
  const body = Buffer.from(JSON.stringify(payload));
  const parts = [encodeCbor('Signature1'), encodeCbor(head), encodeCbor(Buffer.alloc(0)), encodeCbor(body)];
  const signature = sign('sha256', Buffer.concat([Buffer.of(0x84), ...parts]), {
    key,
    dsaEncoding: 'ieee-p1363',
  });
  const certificates = Buffer.concat([Buffer.of(0x80 + chain.length), ...chain.map(encodeCbor)]);
  const unprotected = Buffer.concat([Buffer.from('a11821', 'hex'), certificates]);
  return Buffer.concat([
    Buffer.from('d284', 'hex'),
    encodeCbor(head),
    unprotected,
    encodeCbor(body),
    encodeCbor(signature),
  ]);
}
