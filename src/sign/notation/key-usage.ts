import type { Buffer } from 'node:buffer';

/** The parts of a certificate that Node does not show. */
export interface CertificateFacts {
  /** The bits of the key usage from the first; undefined without that extension. */
  readonly keyUsage?: { readonly critical: boolean; readonly bits: number } | undefined;
  /** Whether it says where to ask for revocations. */
  readonly hasRevocation: boolean;
}

/** Bits of the key usage. */
export const digitalSignature = 0x80;
export const keyCertSign = 0x04;

const oids = { keyUsage: '551d0f', crlPoints: '551d1f', authorityInfo: '2b06010505070101' } as const;

/**
 * Reads extensions of a certificate that Node has parsed before, so its DER is right.
 * @see https://www.rfc-editor.org/rfc/rfc5280#section-4.1
 */
export function certificateFacts(der: Buffer): CertificateFacts {
  const [tbs] = childrenOf(elementAt(der, 0).body);
  // The extensions have the tag [3].
  const wrapped = childrenOf(tbs?.body ?? der.subarray(0, 0)).find(({ tag }) => tag === 0xa3);
  const [list] = childrenOf(wrapped?.body ?? der.subarray(0, 0));
  const extensions = new Map(
    childrenOf(list?.body ?? der.subarray(0, 0)).map(({ body }) => {
      const [oid, ...rest] = childrenOf(body);
      const value = rest.at(-1)?.body ?? body.subarray(0, 0);
      return [oid?.body.toString('hex') ?? '', { critical: rest.length === 2, value }] as const;
    }),
  );
  const usage = extensions.get(oids.keyUsage);
  // A bit string: the number of unused bits, and then the bits.
  const bits = usage === undefined ? undefined : elementAt(usage.value, 0).body[1];
  return {
    keyUsage: usage === undefined ? undefined : { critical: usage.critical, bits: bits ?? 0 },
    hasRevocation: extensions.has(oids.crlPoints) || extensions.has(oids.authorityInfo),
  };
}

interface Element {
  readonly tag: number;
  readonly body: Buffer;
  readonly end: number;
}

function childrenOf(body: Buffer): readonly Element[] {
  const found: Element[] = [];
  for (let at = 0; at < body.length; ) {
    const element = elementAt(body, at);
    found.push(element);
    at = element.end;
  }
  return found;
}

function elementAt(bytes: Buffer, at: number): Element {
  const tag = bytes[at] ?? 0;
  const first = bytes[at + 1] ?? 0;
  const size = first < 0x80 ? 0 : first & 0x7f;
  const length = size === 0 ? first : bytes.readUIntBE(at + 2, size);
  const start = at + 2 + size;
  const end = start + length;
  if (end > bytes.length) throw new RangeError('the certificate is cut off');
  return { tag, body: bytes.subarray(start, end), end };
}
