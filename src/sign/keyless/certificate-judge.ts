import { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import {
  VerificationError as LibraryError,
  toSignedEntity,
  toTrustMaterial,
  Verifier,
} from '@sigstore/verify';
import { InputError } from '../../errors.ts';
import { parseJson } from '../../json/parse.ts';
import type { Bundle } from '../bundle.ts';
import type { CertificateJudge } from '../judge.ts';
import type { LogEntry } from '../log-entry.ts';
import { Rejection } from '../rejection.ts';
import type { CertificateDemands } from './certificate-demands.ts';
import { compareBody } from './log-body.ts';
import { type LogKey, readLogKeys } from './log-key.ts';
import { verifyInclusion } from './log-proof.ts';

type Trust = ReturnType<typeof toTrustMaterial>;
type Entity = ReturnType<typeof toSignedEntity>;

/** Enough for every certificate authority, and the limit for one file. */
const mostBytes = 4 * 1024 * 1024;
const codeSigning = '1.3.6.1.5.5.7.3.3';

/**
 * Judges signatures with certificates by a trusted root. The library verifies the chain of certificates, their timestamps by a
 * third party, and the signature; gantry verifies everything else.
 * @throws INVALID_OPTION when the trusted root cannot be read
 */
export function createCertificateJudge(demands: CertificateDemands): CertificateJudge {
  const { trust, logs } = readRoot(demands.trustedRoot);
  const { ignoreLog = false, ignoreSct = false } = demands;
  const verifier = new Verifier(trust, {
    tlogThreshold: 0,
    ctlogThreshold: ignoreSct ? 0 : 1,
    timestampThreshold: 1,
  });
  return {
    async judge(bundle) {
      const { certificate, envelope, logEntries } = bundle;
      if (certificate === undefined) throw new Rejection('signed with a key, and none is given');
      const times = ignoreLog ? [] : await verifyLog(logEntries, logs, { certificate, envelope });
      if (bundle.timestamps.length === 0 && times.length === 0) {
        if (!ignoreLog)
          throw new Rejection(
            'nothing proves the time of its signature: it has no promise of a log and no timestamp',
          );
        times.push(Date.now());
      }
      const identity = identityOf(verifier, () => entityOf(bundle, certificate, times), times);
      checkUsage(new X509Certificate(certificate));
      if (identity.subject !== demands.identity) {
        throw new Rejection(`signed by ${shown(identity.subject)}, not by ${shown(demands.identity)}`);
      }
      if (identity.issuer !== demands.issuer) {
        throw new Rejection(
          `its signer was identified by ${shown(identity.issuer)}, not by ${shown(demands.issuer)}`,
        );
      }
      return { signer: demands.identity, log: ignoreLog ? 'none' : 'entry' };
    },
  };
}

function readRoot(text: string | Uint8Array): { readonly trust: Trust; readonly logs: readonly LogKey[] } {
  const what = 'the trusted root';
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  try {
    const value = parseJson(bytes, { what, maxBytes: mostBytes });
    const logs = readLogKeys({ value, what, path: '' });
    return { trust: toTrustMaterial(TrustedRoot.fromJSON(value)), logs };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new InputError('INVALID_OPTION', `the trusted root cannot be read: ${problem}`, { cause: error });
  }
}

/** Verifies all entries, and returns the proven times. */
async function verifyLog(
  entries: readonly LogEntry[],
  logs: readonly LogKey[],
  signature: Parameters<typeof compareBody>[1],
): Promise<number[]> {
  if (entries.length === 0) throw new Rejection('it has no entry in a transparency log');
  const names = new Set(
    entries.map(
      ({ logId, logIndex, body }) => `${logId.toString('hex')} ${logIndex} ${body.toString('hex')}`,
    ),
  );
  if (names.size < entries.length) throw new Rejection('it has the same log entry twice');
  const times: number[] = [];
  for (const entry of entries) {
    compareBody(entry, signature);
    const time = await verifyInclusion(entry, logs);
    if (time !== undefined) times.push(time);
  }
  return times;
}

/** Makes the library's form of a bundle. Its log entries carry only the times that gantry has verified. */
function entityOf({ envelope, timestamps }: Bundle, certificate: Buffer, times: readonly number[]): Entity {
  const entity = toSignedEntity({
    mediaType: '',
    verificationMaterial: {
      content: { $case: 'certificate', certificate: { rawBytes: certificate } },
      tlogEntries: [],
      timestampVerificationData: {
        rfc3161Timestamps: timestamps.map((signedTimestamp) => ({ signedTimestamp })),
      },
    },
    content: {
      $case: 'dsseEnvelope',
      dsseEnvelope: {
        payload: envelope.payload,
        payloadType: envelope.payloadType,
        signatures: [{ sig: envelope.signature, keyid: '' }],
      },
    },
  });
  return { ...entity, timestamps: [...entity.timestamps, ...times.map(provenTime)] };
}

function provenTime(time: number, at: number): Entity['timestamps'][number] {
  const none = Buffer.alloc(0);
  return {
    $case: 'transparency-log',
    tlogEntry: {
      logIndex: String(at),
      // The library refuses two equal times of one log.
      logId: { keyId: Buffer.of(at) },
      kindVersion: { kind: '', version: '' },
      integratedTime: String(Math.floor(time / 1000)),
      inclusionPromise: { signedEntryTimestamp: none },
      inclusionProof: undefined,
      canonicalizedBody: none,
    },
  };
}

interface Identity {
  readonly subject: string | undefined;
  readonly issuer: string | undefined;
}

function identityOf(verifier: Verifier, entity: () => Entity, times: readonly number[]): Identity {
  try {
    const { identity } = verifier.verify(entity());
    return { subject: identity?.subjectAlternativeName, issuer: identity?.extensions?.issuer };
  } catch (error) {
    const at = times.map((time) => new Date(time).toISOString()).join(' and ');
    const problem = problemOf(error);
    throw new Rejection(
      `${problem.charAt(0).toLowerCase()}${problem.slice(1)}${at === '' ? '' : ` (at ${at})`}`,
    );
  }
}

function problemOf(error: unknown): string {
  if (!(error instanceof LibraryError)) return 'its certificate or timestamp is malformed';
  // The cause says more about a chain of certificates.
  return error.cause instanceof LibraryError ? error.cause.message : error.message;
}

/** The library does not look at the purpose of the certificate. */
function checkUsage({ ca, keyUsage }: X509Certificate): void {
  if (ca) throw new Rejection('its certificate is one of an authority');
  // Node has the extended usage under this name, and no list if the certificate has none.
  const usages: readonly string[] = keyUsage ?? [];
  if (!usages.includes(codeSigning)) throw new Rejection('its certificate is not for signing code');
}

function shown(name: string | undefined): string {
  return name === undefined ? 'an unknown name' : `"${name.slice(0, 200)}"`;
}
