import { isIP } from 'node:net';
import type { ConnectionOptions, SecureVersion } from 'node:tls';
import { InputError, isGantryError } from '../../errors.ts';
import {
  arrayOf,
  type Check,
  checkOptions,
  either,
  flag,
  object,
  type Shape,
  text,
} from '../../spec/options.ts';
import { defaultAuthorities } from './authorities.ts';

/** TLS settings for one host. */
export interface TlsOptions {
  /** PEM certificates of additional trusted authorities. */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * Trusts only the authorities in `ca`, and none of Node's or of the machine's.
   * @defaultValue false
   */
  readonly onlyCa?: boolean | undefined;
  /** The PEM client certificate. */
  readonly cert?: string | undefined;
  /** The PEM key of the client certificate. */
  readonly key?: string | undefined;
  /**
   * `false` accepts any certificate.
   * @defaultValue true
   */
  readonly rejectUnauthorized?: boolean | undefined;
}

const certificate = either('PEM text', text, object);
const shape: Shape<TlsOptions> = {
  ca: either('PEM text or a list of such', certificate, arrayOf(certificate)),
  onlyCa: flag,
  cert: certificate,
  key: certificate,
  rejectUnauthorized: flag,
};

/** Checks TLS settings, or the function that returns those of a host, from plain JavaScript. */
export const tlsOption: Check = (value, name) => {
  if (typeof value !== 'function') checkOptions(name, value, shape);
};

/** Returns the TLS settings for a host. The host is written as in a URL, without the default port of the scheme. */
export type TlsChoice = (host: string) => TlsOptions | Promise<TlsOptions>;

type SecureOptions = Pick<
  ConnectionOptions,
  'cert' | 'key' | 'rejectUnauthorized' | 'secureContext' | 'minVersion'
>;

/** Required even if Node's settings allow earlier versions, which can be eavesdropped on. */
const minVersion: SecureVersion = 'TLSv1.2';

/**
 * Converts the settings for `node:tls`. `known` returns the authorities that Node trusts. Throws INVALID_OPTION for an invalid
 * certificate or key.
 */
export function secureOptions(
  { ca = [], onlyCa = false, cert, key, rejectUnauthorized }: TlsOptions,
  host: string,
  known: () => readonly string[] = defaultAuthorities,
): SecureOptions {
  const own = {
    minVersion,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
  const authorities = [ca].flat();
  if (authorities.length === 0 && cert === undefined && !onlyCa) return own;
  try {
    // Created once and not per connection, because parsing all certificates takes time.
    const isDefault = authorities.length === 0 && !onlyCa;
    const trusted = isDefault ? {} : { ca: [...(onlyCa ? [] : known()), ...authorities] };
    const { createSecureContext } = process.getBuiltinModule('node:tls');
    return { ...own, secureContext: createSecureContext({ ...own, ...trusted }) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError('INVALID_OPTION', `the certificates for ${host} can't be used: ${reason}`, {
      cause,
    });
  }
}

/** An address cannot be the name that a certificate is asked for. */
export function serverName(hostname: string): { readonly servername?: string } {
  return isIP(hostname) === 0 ? { servername: hostname } : {};
}

const unknownIssuer = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Returns whether the failure is a server certificate from an unknown authority. Nothing was sent in this case. */
export function isUnknownIssuer(error: unknown): boolean {
  if (!isGantryError(error, 'NO_CONNECTION')) return false;
  const { cause } = error;
  return cause instanceof Error && 'code' in cause && unknownIssuer.has(String(cause.code));
}
