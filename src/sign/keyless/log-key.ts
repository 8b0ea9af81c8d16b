import type { Buffer } from 'node:buffer';
import { createPublicKey } from 'node:crypto';
import { type Field, member, optional, readArray, readMap, readString, refusal } from '../../json/field.ts';
import { readBytes } from '../base64.ts';
import { type PublicKey, publicKeyOf } from '../public-key.ts';

/** The key of a transparency log in a trusted root. */
export interface LogKey {
  /** The SHA-256 of the key, by which entries name the log. */
  readonly id: Buffer;
  readonly key: PublicKey;
  /** Milliseconds since 1970 between which the log used the key. */
  readonly from: number;
  readonly until: number;
}

/** Reads the transparency logs of a trusted root. @throws MANIFEST_INVALID naming the field */
export function readLogKeys(root: Field): readonly LogKey[] {
  return optional(readMap(root), 'tlogs', (list) => readArray(list, readLogKey)) ?? [];
}

function readLogKey(field: Field): LogKey {
  const log = readMap(field);
  const publicKey = readMap(member(log, 'publicKey'));
  const der = member(publicKey, 'rawBytes');
  const validFor = optional(publicKey, 'validFor', readMap);
  const id = optional(log, 'checkpointKeyId', readMap) ?? readMap(member(log, 'logId'));
  return {
    id: readBytes(member(id, 'keyId')),
    key: keyOf(der),
    from: (validFor && optional(validFor, 'start', readTime)) ?? 0,
    until: (validFor && optional(validFor, 'end', readTime)) ?? Number.POSITIVE_INFINITY,
  };
}

function keyOf(field: Field): PublicKey {
  const key = readBytes(field);
  try {
    return publicKeyOf(createPublicKey({ key, format: 'der', type: 'spki' }));
  } catch (error) {
    throw refusal(
      field,
      `is no key that gantry can use: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function readTime(field: Field): number {
  const time = Date.parse(readString(field));
  if (Number.isNaN(time)) throw refusal(field, 'is no time');
  return time;
}
