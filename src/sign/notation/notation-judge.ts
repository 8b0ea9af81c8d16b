import type { Buffer } from 'node:buffer';
import { constants, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { InputError } from '../../errors.ts';
import {
  type Field,
  knownKeys,
  member,
  optional,
  readObject,
  readSize,
  readString,
  readStringMap,
} from '../../json/field.ts';
import { parseJson } from '../../json/parse.ts';
import type { Annotations, Descriptor } from '../../spec/descriptor.ts';
import type { SignatureCandidate } from '../candidates.ts';
import type { VerifiedSignature } from '../judge.ts';
import { Rejection } from '../rejection.ts';
import { checkChain, hasRevocation, isValidAt } from './chain.ts';
import { parseCose } from './cose.ts';
import { hasAll, readSubject } from './distinguished-name.ts';
import type { NotationAlgorithm, NotationEnvelope } from './envelope-facts.ts';
import { parseJws } from './jws.ts';
import type { NotationDemands } from './notation-demands.ts';
import { type NotationCheck, type TrustStatement, trustStatementFor } from './trust-policy.ts';

/** Judges signatures of Notation by a trust policy and its stores. */
export interface NotationJudge {
  /** The name of the statement that skips the verification; undefined if it does not. */
  readonly skippedBy?: string | undefined;
  /** @throws Rejection or MANIFEST_INVALID with the reason */
  judge(
    candidate: SignatureCandidate,
    image: Descriptor,
    annotations: Annotations,
  ): Promise<VerifiedSignature>;
}

/** The signatures of Notation have some kilobytes. */
const mostBytes = 1024 * 1024;

/** @throws INVALID_OPTION when the policy or a certificate of its stores cannot be read */
export function createNotationJudge(
  { trustPolicy, trustStores, repository }: NotationDemands,
  name: string,
): NotationJudge {
  const statement = trustStatementFor(trustPolicy, repository ?? name);
  const trusted = statement.stores
    .filter((store) => store.startsWith('ca:'))
    .flatMap((store) => readStore(store, trustStores));
  return {
    skippedBy: statement.skips ? statement.name : undefined,
    async judge(candidate, image, annotations) {
      const bytes = await candidate.read(mostBytes);
      const envelope = candidate.mediaType === 'application/cose' ? parseCose(bytes) : parseJws(bytes);
      const chain = checkChain(envelope.chain);
      const [leaf] = chain;
      if (leaf === undefined || !isSignedBy(envelope, leaf.publicKey))
        throw new Rejection('its signature is wrong');
      const signed = readTarget(envelope.payload, image, annotations);
      enforce(statement, chain, trusted, envelope);
      return {
        format: 'notation',
        name: candidate.name,
        signer: leaf.subject.replaceAll('\n', ', '),
        annotations: signed,
        log: 'none',
        payload: envelope.payload,
      };
    },
  };
}

function readStore(store: string, stores: NotationDemands['trustStores']): readonly X509Certificate[] {
  const texts = Object.hasOwn(stores, store) ? stores[store] : undefined;
  if (texts === undefined || texts.length === 0) {
    throw new InputError(
      'INVALID_OPTION',
      `the trust store ${store} of the trust policy has no certificates`,
    );
  }
  return texts.map((text) => {
    try {
      return new X509Certificate(text);
    } catch (error) {
      throw new InputError('INVALID_OPTION', `the trust store ${store} has a file that is no certificate`, {
        cause: error,
      });
    }
  });
}

/** The hash for each kind and size of key. */
const algorithms: ReadonlyMap<string, NotationAlgorithm> = new Map([
  ['rsa 2048', 'PS256'],
  ['rsa 3072', 'PS384'],
  ['rsa 4096', 'PS512'],
  ['ec prime256v1', 'ES256'],
  ['ec secp384r1', 'ES384'],
  ['ec secp521r1', 'ES512'],
]);

function isSignedBy({ algorithm, signedBytes, signature }: NotationEnvelope, key: KeyObject): boolean {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const expected = algorithms.get(`${type} ${details?.namedCurve ?? details?.modulusLength}`);
  if (expected === undefined) throw new Rejection('its certificate has a key that Notation does not allow');
  if (algorithm !== expected)
    throw new Rejection(`its algorithm is ${algorithm.slice(0, 20)}, and its key signs with ${expected}`);
  const hash = `sha${expected.slice(2)}`;
  if (type === 'ec') return verify(hash, signedBytes, { key, dsaEncoding: 'ieee-p1363' }, signature);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return verify(hash, signedBytes, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }, signature);
}

const targetKeys = knownKeys('mediaType', 'digest', 'size', 'annotations');

/** Compares the signed descriptor with the image, and returns its annotations. */
function readTarget(payload: Buffer, image: Descriptor, demanded: Annotations): Annotations {
  const what = 'the payload';
  const field: Field = { value: parseJson(payload, { what }), what, path: '' };
  const target = readObject(
    member(readObject(field, knownKeys('targetArtifact')), 'targetArtifact'),
    targetKeys,
  );
  const isSame =
    readString(member(target, 'mediaType')) === image.mediaType &&
    readString(member(target, 'digest')) === image.digest &&
    readSize(member(target, 'size')) === image.size;
  if (!isSame) throw new Rejection('it is about another image');
  const annotations = optional(target, 'annotations', readStringMap) ?? {};
  const missing = Object.entries(demanded).find(
    ([key, value]) => !Object.hasOwn(annotations, key) || annotations[key] !== value,
  );
  if (missing !== undefined) throw new Rejection(`it does not have the annotation ${missing.join('=')}`);
  return annotations;
}

/** Refuses a signature for each check that the policy enforces. */
function enforce(
  { actions, identities }: TrustStatement,
  chain: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  { expiry }: NotationEnvelope,
): void {
  const now = Date.now();
  const subject = readSubject(chain[0]?.subject);
  const problems: Readonly<Record<NotationCheck, string | undefined>> = {
    authenticity: !chain.some((one) =>
      trusted.some(({ fingerprint512 }) => fingerprint512 === one.fingerprint512),
    )
      ? 'its certificates are of no authority in the trust stores'
      : identities !== undefined && !identities.some((one) => subject !== undefined && hasAll(subject, one))
        ? `its signer is not trusted: ${(chain[0]?.subject ?? '').replaceAll('\n', ', ')}`
        : undefined,
    authenticTimestamp: chain.every((one) => isValidAt(one, now))
      ? undefined
      : `its certificates are not valid now (${new Date(now).toISOString()})`,
    expiry:
      expiry !== undefined && expiry <= now
        ? `it has expired at ${new Date(expiry).toISOString()}`
        : undefined,
    revocation: chain.some(hasRevocation)
      ? 'its certificates may be revoked, and gantry does not ask: set "revocation" to "skip" in the override of the trust policy'
      : undefined,
  };
  for (const name of ['authenticity', 'authenticTimestamp', 'expiry', 'revocation'] as const) {
    const problem = problems[name];
    if (problem !== undefined && actions[name] === 'enforce') throw new Rejection(problem);
  }
}
