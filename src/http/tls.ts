import type { RequestOptions } from 'node:https';
import tls from 'node:tls';
import { InputError, isGantryError } from '../errors.ts';
import { defaultAuthorities } from './authorities.ts';

export interface TlsOptions {
  /** PEM certificates of authorities that are trusted beside the built-in ones. */
  readonly ca?: string | readonly string[];
  /** PEM client certificate and key. */
  readonly cert?: string;
  readonly key?: string;
  /** `false` accepts any certificate. */
  readonly rejectUnauthorized?: boolean;
}

/** For each host, which is named as in a URL: without the port where it is the scheme's own. */
export type TlsChoice = (host: string) => TlsOptions | Promise<TlsOptions>;

type SecureOptions = Pick<RequestOptions, 'cert' | 'key' | 'rejectUnauthorized'> &
  Pick<tls.ConnectionOptions, 'secureContext' | 'minVersion'>;

/** Whatever the settings of this Node say: below it the way can be read by others. */
const minVersion: tls.SecureVersion = 'TLSv1.2';

/** As `node:tls` takes them. Throws INVALID_OPTION for what is no certificate or key. */
export function secureOptions(
  { ca = [], cert, key, rejectUnauthorized }: TlsOptions,
  host: string,
): SecureOptions {
  const own = {
    minVersion,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
  const authorities = [ca].flat();
  if (authorities.length === 0 && cert === undefined) return own;
  try {
    // Made once and not for each connection: reading all the certificates takes its time.
    const trusted = authorities.length === 0 ? {} : { ca: [...defaultAuthorities(), ...authorities] };
    return { ...own, secureContext: tls.createSecureContext({ ...own, ...trusted }) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InputError('INVALID_OPTION', `the certificates for ${host} can't be used: ${reason}`, {
      cause,
    });
  }
}

const unknownIssuer = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Whether nobody that we trust vouches for the far side's certificate: nothing was sent then. */
export function isUnknownIssuer(error: unknown): boolean {
  if (!isGantryError(error, 'NO_CONNECTION')) return false;
  const { cause } = error;
  return cause instanceof Error && 'code' in cause && unknownIssuer.has(String(cause.code));
}
