import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import {
  type Field,
  has,
  member,
  type ObjectField,
  optional,
  readArray,
  readMap,
  readString,
} from '../../json/field.ts';
import { parseJson } from '../../json/parse.ts';
import { readBytes } from '../base64.ts';
import type { Envelope } from '../envelope.ts';
import type { LogEntry } from '../log-entry.ts';
import { Rejection } from '../rejection.ts';

/** The required subject of an entry. */
export interface LoggedSignature {
  readonly envelope: Envelope;
  /** The certificate of the signer in DER. */
  readonly certificate: Buffer;
}

/** The facts that an entry of any kind records. */
interface Recorded {
  readonly payloadHash: Buffer;
  readonly signature: Buffer;
  readonly certificate: Buffer;
}

/**
 * Compares the body of a log entry with a signature: the same payload, signature and certificate.
 * @throws Rejection or MANIFEST_INVALID with the reason
 */
export function compareBody(entry: LogEntry, { envelope, certificate }: LoggedSignature): void {
  const what = 'the log entry';
  const document = readMap({ value: parseJson(entry.body, { what }), what, path: '' });
  const [kind, version] = ['kind', 'apiVersion'].map((name) => readString(member(document, name)));
  if (kind !== entry.kind || version !== entry.version)
    throw new Rejection('its log entry is of another kind than it says');
  const recorded = recordedBy(`${kind} ${version}`, readMap(member(document, 'spec')));
  if (!recorded.payloadHash.equals(createHash('sha256').update(envelope.payload).digest())) {
    throw new Rejection('its log entry is about another statement');
  }
  if (!recorded.signature.equals(envelope.signature))
    throw new Rejection('its log entry is about another signature');
  if (!recorded.certificate.equals(certificate))
    throw new Rejection('its log entry is about another certificate');
}

function recordedBy(kind: string, spec: ObjectField): Recorded {
  switch (kind) {
    case 'dsse 0.0.1':
      return has(spec, 'proposedContent') ? proposed(readMap(member(spec, 'proposedContent'))) : dsse1(spec);
    case 'dsse 0.0.2':
      return dsse2(readMap(member(spec, 'dsseV002')));
    case 'intoto 0.0.2':
      return intoto(readMap(member(spec, 'content')));
    default:
      throw new Rejection(`its log entry is of the kind ${kind.slice(0, 100)}, which gantry does not know`);
  }
}

function dsse1(spec: ObjectField): Recorded {
  const signature = onlyOne(member(spec, 'signatures'));
  return {
    payloadHash: hexOf(readMap(member(spec, 'payloadHash'))),
    signature: readBytes(member(signature, 'signature')),
    certificate: pemOf(readBytes(member(signature, 'verifier'))),
  };
}

/** A log that keeps the proposal has the envelope itself. */
function proposed(content: ObjectField): Recorded {
  const what = 'the envelope in the log entry';
  const bytes = Buffer.from(readString(member(content, 'envelope')));
  const envelope = readMap({ value: parseJson(bytes, { what }), what, path: '' });
  const [verifier, ...others] = readArray(member(content, 'verifiers'), readBytes);
  if (verifier === undefined || others.length > 0)
    throw new Rejection('its log entry has not one certificate');
  return {
    payloadHash: createHash('sha256')
      .update(readBytes(member(envelope, 'payload')))
      .digest(),
    signature: readBytes(member(onlyOne(member(envelope, 'signatures')), 'sig')),
    certificate: pemOf(verifier),
  };
}

function dsse2(spec: ObjectField): Recorded {
  const signature = onlyOne(member(spec, 'signatures'));
  const verifier = readMap(member(signature, 'verifier'));
  const certificate = readMap(member(verifier, 'x509Certificate'));
  return {
    payloadHash: readBytes(member(readMap(member(spec, 'payloadHash')), 'digest')),
    signature: readBytes(member(signature, 'content')),
    certificate: readBytes(member(certificate, 'rawBytes')),
  };
}

function intoto(content: ObjectField): Recorded {
  const envelope = readMap(member(content, 'envelope'));
  const signature = onlyOne(member(envelope, 'signatures'));
  // The log encodes the text of the signature once more.
  const text = readBytes(member(signature, 'sig')).toString('latin1');
  return {
    payloadHash: hexOf(readMap(member(content, 'payloadHash'))),
    signature: Buffer.from(text, 'base64'),
    certificate: pemOf(readBytes(member(signature, 'publicKey'))),
  };
}

function onlyOne(field: Field): ObjectField {
  const [one, ...others] = readArray(field, readMap);
  if (one === undefined || others.length > 0) throw new Rejection('its log entry has not one signature');
  return one;
}

function hexOf(hash: ObjectField): Buffer {
  const algorithm = optional(hash, 'algorithm', readString);
  if (algorithm !== 'sha256') throw new Rejection('its log entry has a hash that gantry does not know');
  return Buffer.from(readString(member(hash, 'value')), 'hex');
}

/** Returns the DER of a certificate in PEM; no bytes for any other text. */
function pemOf(pem: Buffer): Buffer {
  const body = /^-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----\s*$/.exec(
    pem.toString('latin1'),
  )?.[1];
  return Buffer.from(body ?? '', 'base64');
}
