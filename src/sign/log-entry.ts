import type { Buffer } from 'node:buffer';
import { type Field, member, optional, readArray, readString, refusal } from '../json/field.ts';
import { readBytes } from './base64.ts';
import { readExact } from './exact-object.ts';

/** An entry of a transparency log, as a bundle holds it. Nothing of it is verified. */
export interface LogEntry {
  readonly logIndex: bigint;
  /** The SHA-256 of the key of the log. */
  readonly logId: Buffer;
  readonly kind: string;
  readonly version: string;
  /** Seconds since 1970; 0 if the log gives no time. */
  readonly integratedTime: number;
  /** The promise of the log, signed, to include the entry. */
  readonly promise?: Buffer | undefined;
  readonly proof?: InclusionProof | undefined;
  /** The entry itself: a JSON document. */
  readonly body: Buffer;
}

/** The proof that a log contains an entry: the hashes beside its path to the root of the tree. */
export interface InclusionProof {
  readonly logIndex: bigint;
  readonly treeSize: bigint;
  readonly rootHash: Buffer;
  readonly hashes: readonly Buffer[];
  /** The root of the tree, signed by the log. */
  readonly checkpoint: string;
}

/** @throws MANIFEST_INVALID naming the field */
export function readLogEntry(field: Field): LogEntry {
  const entry = readExact(
    field,
    'logIndex',
    'logId',
    'kindVersion',
    'integratedTime',
    'inclusionPromise',
    'inclusionProof',
    'canonicalizedBody',
  );
  const kind = readExact(member(entry, 'kindVersion'), 'kind', 'version');
  const promise = optional(entry, 'inclusionPromise', (item) =>
    readBytes(member(readExact(item, 'signedEntryTimestamp'), 'signedEntryTimestamp')),
  );
  const proof = optional(entry, 'inclusionProof', readProof);
  return {
    logIndex: optional(entry, 'logIndex', readCount) ?? 0n,
    logId: readBytes(member(readExact(member(entry, 'logId'), 'keyId'), 'keyId')),
    kind: readString(member(kind, 'kind')),
    version: readString(member(kind, 'version')),
    integratedTime: Number(optional(entry, 'integratedTime', readCount) ?? 0n),
    promise,
    proof,
    body: readBytes(member(entry, 'canonicalizedBody')),
  };
}

function readProof(field: Field): InclusionProof {
  const proof = readExact(field, 'logIndex', 'rootHash', 'treeSize', 'hashes', 'checkpoint');
  return {
    logIndex: optional(proof, 'logIndex', readCount) ?? 0n,
    treeSize: optional(proof, 'treeSize', readCount) ?? 0n,
    rootHash: readBytes(member(proof, 'rootHash')),
    hashes: optional(proof, 'hashes', (list) => readArray(list, readBytes)) ?? [],
    checkpoint: readString(member(readExact(member(proof, 'checkpoint'), 'envelope'), 'envelope')),
  };
}

/** Reads a whole number from 0 of 64 bits, which the JSON of protobuf writes as a string. */
function readCount(field: Field): bigint {
  const text = typeof field.value === 'number' ? String(field.value) : field.value;
  if (typeof text !== 'string' || !/^(?:0|[1-9]\d{0,15})$/.test(text)) {
    throw refusal(field, 'is not a whole number from 0');
  }
  return BigInt(text);
}
