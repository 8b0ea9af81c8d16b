import type { Buffer } from 'node:buffer';
import { Rejection } from '../rejection.ts';

/** The hash and the form of a signature of Notation, by its key. */
export type NotationAlgorithm = 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512';

/** The facts of a signature of Notation, from either of its envelopes. Nothing of them is verified. */
export interface NotationEnvelope {
  readonly algorithm: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
  /** The bytes that the signature covers. */
  readonly signedBytes: Buffer;
  /** The certificates in DER, from the signer to the root. */
  readonly chain: readonly Buffer[];
  /** Milliseconds since 1970 after which the signature does not count; undefined without an end. */
  readonly expiry?: number | undefined;
}

export const payloadType = 'application/vnd.cncf.notary.payload.v1+json';
const scheme = 'io.cncf.notary.signingScheme';
const expiry = 'io.cncf.notary.expiry';
const knownScheme = 'notary.x509';

/** The headers that a signature protects, by their names. */
export interface ProtectedHeaders {
  readonly contentType: unknown;
  /** The names of headers that a reader has to understand. */
  readonly critical: unknown;
  readonly named: ReadonlyMap<string, unknown>;
}

/**
 * Checks the protected headers: gantry has to know each critical one, and the scheme and an expiry have to be critical.
 * Returns the expiry as it is.
 * @throws Rejection with the reason
 * @see https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md
 */
export function checkHeaders({ contentType, critical, named }: ProtectedHeaders): unknown {
  if (contentType !== payloadType) throw new Rejection('its payload has another type');
  if (!Array.isArray(critical)) throw new Rejection('it has no list of critical headers');
  const names: readonly unknown[] = critical;
  const unknown = names.find((name) => name !== scheme && name !== expiry);
  if (unknown !== undefined)
    throw new Rejection(
      `it has the critical header ${JSON.stringify(unknown).slice(0, 100)}, which gantry does not know`,
    );
  if (new Set(names).size < names.length || !names.includes(scheme))
    throw new Rejection('its list of critical headers is wrong');
  if (names.some((name) => !named.has(String(name)))) throw new Rejection('a critical header is missing');
  if (named.get(scheme) !== knownScheme)
    throw new Rejection('its scheme is none that gantry knows: notary.x509');
  if (named.has(expiry) && !names.includes(expiry)) throw new Rejection('its expiry is not critical');
  return named.get(expiry);
}
