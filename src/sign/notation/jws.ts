import { Buffer } from 'node:buffer';
import { type Field, member, readArray, readMap, readString, refusal } from '../../json/field.ts';
import { parseJson } from '../../json/parse.ts';
import { readBytes } from '../base64.ts';
import { readExact } from '../exact-object.ts';
import { Rejection } from '../rejection.ts';
import { checkHeaders, type NotationEnvelope } from './envelope-facts.ts';

const what = 'the signature';

/** @throws Rejection or MANIFEST_INVALID with the reason */
export function parseJws(bytes: Uint8Array): NotationEnvelope {
  const field = { value: parseJson(bytes, { what }), what, path: '' };
  const jws = readExact(field, 'payload', 'protected', 'header', 'signature');
  const [payload, head] = [readString(member(jws, 'payload')), readString(member(jws, 'protected'))];
  const header = readMap(member(jws, 'header'));
  const decoded = parseJson(readUrl(member(jws, 'protected')), { what: 'the protected header' });
  const headers = readMap({ value: decoded, what: 'the protected header', path: '' });
  const named = new Map(Object.entries(headers.value));
  const end = checkHeaders({ contentType: named.get('cty'), critical: named.get('crit'), named });
  return {
    algorithm: readString(member(headers, 'alg')),
    payload: readUrl(member(jws, 'payload')),
    signature: readUrl(member(jws, 'signature')),
    signedBytes: Buffer.from(`${head}.${payload}`),
    chain: readArray(member(header, 'x5c'), readBytes),
    expiry: end === undefined ? undefined : timeOf(end),
  };
}

/** JSON Web Signatures have one alphabet, and no padding. */
function readUrl(field: Field): Buffer {
  if (/[+/=]/.test(readString(field))) throw refusal(field, 'is not base64url');
  return readBytes(field);
}

function timeOf(text: unknown): number {
  const time = typeof text === 'string' && /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new Rejection('its expiry is no time');
  return time;
}
