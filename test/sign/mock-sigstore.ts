import { execFile } from 'node:child_process';
import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundleType } from '../../src/sign/bundle.ts';
import { signedBytes, statementType } from '../../src/sign/envelope.ts';
import { signaturePredicate } from '../../src/sign/predicate-types.ts';
import type { Digest } from '../../src/spec/digest.ts';

const openssl = async (...args: readonly string[]): Promise<unknown> =>
  promisify(execFile)('openssl', [...args]);
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export const identity = 'signer@example.test';
export const issuer = 'https://issuer.example.test';

/** A certificate authority and a transparency log for the length of a test. */
export interface MockSigstore {
  /** The trusted root, as JSON. */
  readonly trustedRoot: string;
  /** Issues a certificate with these extensions over those of a good one. */
  issue(changes?: Readonly<Record<string, string | undefined>>): Promise<Leaf>;
  /** Makes the entry of a log. `time` is in seconds. */
  log(body: unknown, time?: number): Readonly<Record<string, unknown>>;
}

export interface Leaf {
  readonly der: Buffer;
  readonly pem: string;
  readonly key: KeyObject;
}

export async function mockSigstore(folder: string): Promise<MockSigstore> {
  const [caFile, caKey] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
  const subject = ['-subj', '/O=mock/CN=authority', '-days', '2'];
  await openssl('req', '-x509', ...newKey, ...subject, '-keyout', caKey, '-out', caFile);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const logKey = publicKey.export({ type: 'spki', format: 'der' });
  const logId = createHash('sha256').update(logKey).digest();
  const ca = new X509Certificate(await readFile(caFile));
  const validFor = { start: '2020-01-01T00:00:00Z' };
  let count = 0;
  return {
    trustedRoot: JSON.stringify({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [
        {
          baseUrl: 'https://log.test',
          hashAlgorithm: 'SHA2_256',
          publicKey: { rawBytes: logKey.toString('base64'), keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor },
          logId: { keyId: logId.toString('base64') },
        },
      ],
      certificateAuthorities: [
        {
          subject: { organization: 'mock', commonName: 'authority' },
          uri: 'https://ca.test',
          certChain: { certificates: [{ rawBytes: ca.raw.toString('base64') }] },
          validFor,
        },
      ],
    }),
    async issue(changes = {}) {
      count += 1;
      const path = (extension: string): string => join(folder, `leaf-${count}.${extension}`);
      const extensions = {
        keyUsage: 'critical,digitalSignature',
        extendedKeyUsage: 'codeSigning',
        subjectAltName: `critical,email:${identity}`,
        '1.3.6.1.4.1.57264.1.8': `ASN1:UTF8String:${issuer}`,
        subjectKeyIdentifier: 'hash',
        authorityKeyIdentifier: 'keyid',
        ...changes,
      };
      const lines = Object.entries(extensions).flatMap(([name, value]) =>
        value === undefined ? [] : `${name}=${value}`,
      );
      await writeFile(path('ext'), lines.join('\n'));
      await openssl('req', ...newKey, '-keyout', path('key'), '-out', path('csr'), '-subj', '/O=leaf');
      const signed = ['-in', path('csr'), '-extfile', path('ext'), '-out', path('pem'), '-days', '1'];
      await openssl('x509', '-req', '-CA', caFile, '-CAkey', caKey, '-CAcreateserial', ...signed);
      const pem = await readFile(path('pem'), 'utf8');
      return { der: new X509Certificate(pem).raw, pem, key: createPrivateKey(await readFile(path('key'))) };
    },
    log(value, time = Math.floor(Date.now() / 1000)) {
      const body = Buffer.from(JSON.stringify(value));
      const promised = {
        body: body.toString('base64'),
        integratedTime: time,
        logID: logId.toString('hex'),
        logIndex: 7,
      };
      const rootHash = createHash('sha256').update(Buffer.of(0)).update(body).digest('base64');
      const note = `log.test - 1\n1\n${rootHash}\n`;
      const noted = Buffer.concat([logId.subarray(0, 4), sign('sha256', Buffer.from(note), privateKey)]);
      const { kind, apiVersion } = Object(value);
      return {
        logIndex: '7',
        logId: { keyId: logId.toString('base64') },
        kindVersion: { kind, version: apiVersion },
        integratedTime: String(time),
        inclusionPromise: {
          signedEntryTimestamp: sign('sha256', Buffer.from(JSON.stringify(promised)), privateKey).toString(
            'base64',
          ),
        },
        inclusionProof: {
          logIndex: '0',
          rootHash,
          treeSize: '1',
          hashes: [],
          checkpoint: { envelope: `${note}\n\u2014 log.test ${noted.toString('base64')}\n` },
        },
        canonicalizedBody: body.toString('base64'),
      };
    },
  };
}

/** A signature with a certificate, before it is a bundle. */
export interface Signed {
  readonly payload: Buffer;
  readonly signature: Buffer;
  readonly leaf: Leaf;
}

export function signWith(leaf: Leaf, digest: Digest): Signed {
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: digest.slice('sha256:'.length) } }],
    predicateType: signaturePredicate,
    predicate: {},
  };
  const payload = Buffer.from(JSON.stringify(statement));
  return {
    payload,
    signature: sign('sha256', signedBytes({ payload, payloadType: statementType }), leaf.key),
    leaf,
  };
}

/** Returns the body of a log entry for a signature, as Rekor writes it. */
export function bodyOf({ payload, signature, leaf }: Signed): Readonly<Record<string, unknown>> {
  return {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: {
      envelopeHash: { algorithm: 'sha256', value: '00' },
      payloadHash: { algorithm: 'sha256', value: createHash('sha256').update(payload).digest('hex') },
      signatures: [
        { signature: signature.toString('base64'), verifier: Buffer.from(leaf.pem).toString('base64') },
      ],
    },
  };
}

export function certificateBundle(
  { payload, signature, leaf }: Signed,
  tlogEntries: readonly unknown[],
): Buffer {
  return Buffer.from(
    JSON.stringify({
      mediaType: bundleType,
      verificationMaterial: { certificate: { rawBytes: leaf.der.toString('base64') }, tlogEntries },
      dsseEnvelope: {
        payload: payload.toString('base64'),
        payloadType: statementType,
        signatures: [{ sig: signature.toString('base64') }],
      },
    }),
  );
}
