import { Buffer } from 'node:buffer';
import { Rejection } from '../rejection.ts';
import { type Cbor, decodeCbor, encodeCbor, Tagged } from './cbor.ts';
import { checkHeaders, type NotationEnvelope } from './envelope-facts.ts';

/** The numbers of COSE for a signature by one key, its headers and its algorithms. */
const sign1 = 18;
const labels = { algorithm: 1, critical: 2, contentType: 3, chain: 33 } as const;
const algorithms: ReadonlyMap<Cbor | undefined, string> = new Map([
  [-7, 'ES256'],
  [-35, 'ES384'],
  [-36, 'ES512'],
  [-37, 'PS256'],
  [-38, 'PS384'],
  [-39, 'PS512'],
]);

/** @throws Rejection with the reason */
export function parseCose(bytes: Uint8Array): NotationEnvelope {
  const document = decodeCbor(bytes);
  const parts = document instanceof Tagged && document.tag === sign1 ? document.value : undefined;
  if (!Array.isArray(parts) || parts.length !== 4) throw new Rejection('it is no COSE_Sign1');
  const items: readonly Cbor[] = parts;
  const [head, unprotected, payload, signature] = items;
  if (
    !Buffer.isBuffer(head) ||
    !Buffer.isBuffer(payload) ||
    !Buffer.isBuffer(signature) ||
    !(unprotected instanceof Map)
  ) {
    throw new Rejection('its COSE_Sign1 has parts of other types');
  }
  const headers = decodeCbor(head);
  if (!(headers instanceof Map)) throw new Rejection('its protected headers are no map');
  const named = new Map<string, unknown>(
    [...headers].flatMap(([key, value]) => (typeof key === 'string' ? [[key, value]] : [])),
  );
  const end = checkHeaders({
    contentType: headers.get(labels.contentType),
    critical: headers.get(labels.critical),
    named,
  });
  return {
    algorithm: algorithms.get(headers.get(labels.algorithm)) ?? 'unknown',
    payload,
    signature,
    signedBytes: Buffer.concat([
      // An array of four: the context, the protected headers, no outer data, the payload.
      Buffer.of(0x84),
      encodeCbor('Signature1'),
      encodeCbor(head),
      encodeCbor(Buffer.alloc(0)),
      encodeCbor(payload),
    ]),
    chain: chainOf(unprotected.get(labels.chain)),
    expiry: end === undefined ? undefined : timeOf(end),
  };
}

function chainOf(value: Cbor | undefined): readonly Buffer[] {
  const items = Array.isArray(value) ? value : [value];
  return items.map((item: unknown) => {
    if (!Buffer.isBuffer(item)) throw new Rejection('its chain of certificates is missing');
    return item;
  });
}

function timeOf(value: unknown): number {
  if (value instanceof Tagged && value.tag === 1 && typeof value.value === 'number')
    return value.value * 1000;
  throw new Rejection('its expiry is no time');
}
