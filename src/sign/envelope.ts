import { Buffer } from 'node:buffer';
import { type Field, member, optional, readArray, readString, refusal } from '../json/field.ts';
import { readBytes } from './base64.ts';
import { readExact } from './exact-object.ts';

/** The type of the only payload that gantry takes: a statement of in-toto. */
export const statementType = 'application/vnd.in-toto+json';

/** A signed payload. It has exactly one signature. */
export interface Envelope {
  readonly payload: Buffer;
  readonly payloadType: string;
  readonly signature: Buffer;
}

/**
 * Reads an envelope. A `keyid` is a hint, so gantry ignores it.
 * @throws MANIFEST_INVALID naming the field
 * @see https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md
 */
export function readEnvelope(field: Field): Envelope {
  const envelope = readExact(field, 'payload', 'payloadType', 'signatures');
  const list = member(envelope, 'signatures');
  const signatures = readArray(list, (item) => {
    const signature = readExact(item, 'sig', 'keyid');
    optional(signature, 'keyid', readString);
    return readBytes(member(signature, 'sig'));
  });
  const [signature, ...others] = signatures;
  if (signature === undefined || others.length > 0) {
    throw refusal(list, `has ${signatures.length} signatures: exactly one is required`);
  }
  return {
    payload: readBytes(member(envelope, 'payload')),
    payloadType: readString(member(envelope, 'payloadType')),
    signature,
  };
}

/** Returns the bytes that the signature of an envelope covers: type and payload, each with its length before it. */
export function signedBytes({ payload, payloadType }: Pick<Envelope, 'payload' | 'payloadType'>): Buffer {
  const type = Buffer.from(payloadType);
  const head = `DSSEv1 ${type.byteLength} ${payloadType} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
