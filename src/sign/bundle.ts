import type { Buffer } from 'node:buffer';
import {
  type Field,
  has,
  member,
  type ObjectField,
  optional,
  readArray,
  readString,
  refusal,
} from '../json/field.ts';
import { parseJson } from '../json/parse.ts';
import { readBytes } from './base64.ts';
import { type Envelope, readEnvelope } from './envelope.ts';
import { readExact } from './exact-object.ts';
import { type LogEntry, readLogEntry } from './log-entry.ts';

/** The type of the bundles that gantry writes. */
export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
/** The older spelling of the same version. */
const olderSpelling = 'application/vnd.dev.sigstore.bundle+json;version=0.3';

/** True for a bundle of any version. */
export function isBundleType(mediaType: string): boolean {
  return mediaType.startsWith('application/vnd.dev.sigstore.bundle');
}

/** A signature with its proof: the hint at a key, or a certificate with entries of logs. */
export interface Bundle {
  /** The certificate of the signer in DER; undefined if the signer has a key. */
  readonly certificate?: Buffer | undefined;
  readonly logEntries: readonly LogEntry[];
  /** Signed timestamps (RFC 3161) of the signature. */
  readonly timestamps: readonly Buffer[];
  readonly envelope: Envelope;
}

/**
 * Parses a bundle of version 0.3. Refuses unknown members, as the JSON of protobuf does.
 * @throws MANIFEST_INVALID naming the field
 * @see https://github.com/sigstore/protobuf-specs/blob/v0.5.0/protos/sigstore_bundle.proto
 */
export function parseBundle(bytes: Uint8Array, name: string): Bundle {
  const field = { value: parseJson(bytes, { what: name }), what: name, path: '' };
  const bundle = readExact(field, 'mediaType', 'verificationMaterial', 'dsseEnvelope', 'messageSignature');
  const type = member(bundle, 'mediaType');
  const version = readString(type);
  if (version !== bundleType && version !== olderSpelling) {
    throw refusal(type, `is ${version.slice(0, 100)}: only bundles of version 0.3 count`);
  }
  if (has(bundle, 'messageSignature')) throw refusal(bundle, 'signs a message: only signed statements count');
  return {
    ...readMaterial(member(bundle, 'verificationMaterial')),
    envelope: readEnvelope(member(bundle, 'dsseEnvelope')),
  };
}

function readMaterial(field: Field): Omit<Bundle, 'envelope'> {
  const material = readExact(
    field,
    'publicKey',
    'certificate',
    'x509CertificateChain',
    'tlogEntries',
    'timestampVerificationData',
  );
  if (has(material, 'x509CertificateChain')) {
    throw refusal(material, 'has a chain of certificates: version 0.3 has one certificate');
  }
  if (has(material, 'publicKey') === has(material, 'certificate')) {
    throw refusal(material, 'needs either a public key or a certificate');
  }
  const certificate = has(material, 'certificate') ? readCertificate(material) : undefined;
  if (certificate === undefined)
    optional(readExact(member(material, 'publicKey'), 'hint'), 'hint', readString);
  return {
    certificate,
    logEntries: optional(material, 'tlogEntries', (list) => readArray(list, readProvenEntry)) ?? [],
    timestamps: optional(material, 'timestampVerificationData', readTimestamps) ?? [],
  };
}

function readCertificate(material: ObjectField): Buffer {
  const certificate = readExact(member(material, 'certificate'), 'rawBytes');
  return readBytes(member(certificate, 'rawBytes'));
}

function readProvenEntry(field: Field): LogEntry {
  const entry = readLogEntry(field);
  if (entry.proof === undefined) throw refusal(field, 'has no inclusion proof, which version 0.3 requires');
  return entry;
}

function readTimestamps(field: Field): readonly Buffer[] {
  const data = readExact(field, 'rfc3161Timestamps');
  return optional(data, 'rfc3161Timestamps', (list) => readArray(list, readTimestamp)) ?? [];
}

function readTimestamp(field: Field): Buffer {
  return readBytes(member(readExact(field, 'signedTimestamp'), 'signedTimestamp'));
}
