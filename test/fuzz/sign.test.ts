import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import type * as fc from 'fast-check';
import { isGantryError } from '../../src/errors.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { parseBundle } from '../../src/sign/bundle.ts';
import type { SignatureCandidate, SignatureFormat } from '../../src/sign/candidates.ts';
import { forge, pairOf } from '../../src/sign/forge.test.support.ts';
import { type Demands, judgeCandidate } from '../../src/sign/judge.ts';
import { createCertificateJudge } from '../../src/sign/keyless/certificate-judge.ts';
import { parseCose } from '../../src/sign/notation/cose.ts';
import { parseName } from '../../src/sign/notation/distinguished-name.ts';
import { parseJws } from '../../src/sign/notation/jws.ts';
import { createNotationJudge } from '../../src/sign/notation/notation-judge.ts';
import { trustStatementFor } from '../../src/sign/notation/trust-policy.ts';
import { readPolicyDocument } from '../../src/sign/policy/policy-file.ts';
import { signaturePredicate } from '../../src/sign/predicate-types.ts';
import { parsePublicKey } from '../../src/sign/public-key.ts';
import { Rejection } from '../../src/sign/rejection.ts';
import { formatSimpleSigning, parseSimpleSigning } from '../../src/sign/simple-signing.ts';
import { parseStatement } from '../../src/sign/statement.ts';
import { coseOf, jwsOf, mockNotation } from '../sign/mock-notation.ts';
import {
  bodyOf,
  certificateBundle,
  identity,
  issuer,
  mockSigstore,
  signWith,
} from '../sign/mock-sigstore.ts';
import { bytesOf, fuzz, mutated, spoilt, standsPathological } from './fuzz.ts';

/** Signatures with changes: none counts that says anything else than the good one. */

const image = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOf(bytesOf('an image')),
  size: 8,
};
const pair = pairOf();
const home = await mkdtemp(join(tmpdir(), 'gantry-test-'));
after(() => rm(home, { recursive: true, force: true }));
const sigstore = await mockSigstore(home);
const signed = signWith(await sigstore.issue(), image.digest);
const notary = await mockNotation(home);
const signer = await notary.issue();
const payload = { targetArtifact: image };

const demands: Demands = {
  verifiers: [parsePublicKey(pair.pem)],
  certificates: createCertificateJudge({
    trustedRoot: sigstore.trustedRoot,
    identity,
    issuer,
    ignoreSct: true,
  }),
  predicateType: signaturePredicate,
  annotations: {},
};
const trustPolicy = JSON.stringify({
  version: '1.0',
  trustPolicies: [
    {
      name: 'mock',
      registryScopes: ['*'],
      signatureVerification: { level: 'strict' },
      trustStores: ['ca:mock'],
      trustedIdentities: ['x509.subject: C=XX, ST=Test, O=mock'],
    },
  ],
});
const notation = createNotationJudge({ trustPolicy, trustStores: { 'ca:mock': [notary.ca.raw] } }, 'app');

function candidateOf(format: SignatureFormat, bytes: Uint8Array, mediaType = ''): SignatureCandidate {
  return { format, name: image.digest, mediaType, annotations: {}, read: async () => bytes };
}

/** Returns a judge that fails the test when it accepts another payload. */
function onlyAs(
  good: Uint8Array,
  format: SignatureFormat,
  mediaType?: string,
): (bytes: Uint8Array) => Promise<void> {
  return async (bytes) => {
    const candidate = candidateOf(format, bytes, mediaType);
    try {
      const { payload } =
        format === 'notation'
          ? await notation.judge(candidate, image, {})
          : await judgeCandidate(candidate, image.digest, demands);
      assert.deepEqual(Buffer.from(payload), Buffer.from(good));
    } catch (error) {
      if (!(error instanceof Rejection) && !isGantryError(error)) throw error;
    }
  };
}

function payloadOf(bundle: Buffer): Buffer {
  return Buffer.from(JSON.parse(bundle.toString()).dsseEnvelope.payload, 'base64');
}

function changed(bytes: Buffer): fc.Arbitrary<Uint8Array> {
  return mutated(bytes.toString()).map(bytesOf);
}

describe('fuzz: signatures', () => {
  const byKey = forge(pair, image.digest);
  fuzz('bundles by key', changed(byKey), onlyAs(payloadOf(byKey), 'bundle'));
  fuzz('bundles by key, in bytes', spoilt(byKey), onlyAs(payloadOf(byKey), 'bundle'));
  const byCertificate = certificateBundle(signed, [sigstore.log(bodyOf(signed))]);
  fuzz('bundles by certificate', changed(byCertificate), onlyAs(signed.payload, 'bundle'));
  fuzz('bundles by certificate, in bytes', spoilt(byCertificate), onlyAs(signed.payload, 'bundle'));
  const text = bytesOf(JSON.stringify(payload));
  const jws = jwsOf(signer, payload);
  fuzz('signatures in JWS', changed(jws), onlyAs(text, 'notation', 'application/jose+json'));
  const cose = coseOf(signer, payload);
  fuzz('signatures in COSE', spoilt(cose), onlyAs(text, 'notation', 'application/cose'));
});

/** Lets a parser refuse a signature in its own way. */
function unlessRejected(parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof Rejection) return undefined;
      throw error;
    }
  };
}

describe('fuzz: documents of signatures', () => {
  const pieces = ['{"payload":"', '=', 'A', '\\', '[', ',', '-----BEGIN', '-----', '\n', ' '];
  const byKey = forge(pair, image.digest);
  const document = formatSimpleSigning({ digest: image.digest, reference: 'a.test/b', annotations: {} });
  for (const [name, sample, parse] of [
    ['bundles', byKey.toString(), (text: string) => parseBundle(bytesOf(text), 'x')],
    ['statements', payloadOf(byKey).toString(), (text: string) => parseStatement(bytesOf(text), 'x')],
    ['legacy documents', document, (text: string) => parseSimpleSigning(bytesOf(text), 'x')],
    ['public keys', pair.pem, parsePublicKey],
    ['JWS', jwsOf(signer, payload).toString(), (text: string) => parseJws(bytesOf(text))],
    ['COSE', '\u0084\u0001', (text: string) => parseCose(bytesOf(text))],
    ['names', 'C=XX, ST=Test, O=mock', parseName],
  ] as const) {
    fuzz(name, mutated(sample), unlessRejected(parse));
    standsPathological(name, [sample.slice(0, 20), ...pieces], unlessRejected(parse));
  }
});

describe('fuzz: policies', () => {
  const keyData = Buffer.from(pair.pem).toString('base64');
  const demand = { type: 'sigstoreSigned', keyData, signedIdentity: { type: 'matchRepository' } };
  const policy = JSON.stringify({
    default: [{ type: 'reject' }],
    transports: { docker: { 'a.test/b': [demand] } },
  });
  fuzz('policies', mutated(policy), async (one) => {
    const { fallback, transports } = await readPolicyDocument(bytesOf(one), async () => bytesOf(''));
    const all = [fallback, ...[...transports.values()].flatMap((scopes) => [...scopes.values()])];
    for (const demands of all)
      assert.ok(demands.length > 0 && demands.every(({ kind }) => kind !== 'accept'));
  });
  fuzz('trust policies', mutated(trustPolicy), (one) => {
    const { skips, stores, identities, actions } = trustStatementFor(one, 'app');
    assert.ok(!skips && stores.length > 0 && identities !== undefined && actions.authenticity === 'enforce');
  });
});
