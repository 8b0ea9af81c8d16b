import { GantryError, isGantryError, TransportError } from '../errors.ts';
import type { TargetUri } from '../wire/message.ts';

/** An answer that breaks the rules of HTTP/1.1, so that nothing on its connection can be trusted. */
export class MalformedAnswer extends Error {
  override readonly name: string = 'MalformedAnswer';
}

/**
 * Returns the typed error for a failed request. The code depends on whether a connection existed; the message names the
 * host.
 */
export function transportError(
  error: unknown,
  { target, connected }: { readonly target: Pick<TargetUri, 'host'>; readonly connected: boolean },
): GantryError {
  if (error instanceof GantryError) return error;
  const reason = reasonOf(error);
  // In TLS 1.3 the server checks the client certificate after the connection has been established.
  if (/^ERR_SSL_.*ALERT/.test(codeOf(error))) {
    return new TransportError('NO_CONNECTION', `${target.host} refuses the TLS connection: ${reason}`, {
      cause: error,
    });
  }
  if (error instanceof MalformedAnswer) {
    return new TransportError('NO_CONNECTION', `${target.host} does not speak HTTP: ${reason}`, {
      cause: error,
    });
  }
  if (connected) {
    return new TransportError('CUT_OFF', `${target.host} closed the connection: ${reason}`, {
      cause: error,
    });
  }
  if (codeOf(error) === 'ETIMEDOUT') {
    return new TransportError('TIMED_OUT', `no connection to ${target.host}: it does not answer`, {
      cause: error,
    });
  }
  return new TransportError('NO_CONNECTION', `no connection to ${target.host}: ${reason}`, { cause: error });
}

/**
 * Returns whether this failure shows that no TLS server listens there: nothing listens, or the server speaks another
 * protocol.
 */
export function isWithoutTls(error: unknown): boolean {
  return isGantryError(error, 'NO_CONNECTION') && withoutTls.has(codeOf(error.cause));
}

/** A server that does speak TLS sends an alert, for which OpenSSL has other codes. */
const withoutTls = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPROTO',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host name is unknown',
  EAI_AGAIN: 'the name server could not answer; try again later',
  EHOSTUNREACH: 'no route leads to this host',
  ENETUNREACH: 'no route leads to this network',
  EPROTO: 'it does not speak TLS',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is from an unknown authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is from an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is from an unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is from an unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is from an unknown authority',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'it requires a client certificate',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'it does not know the authority of the client certificate',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
};

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const known = reasons[code];
  if (known !== undefined) return known;
  // An AggregateError with one failure per address has an empty message.
  const message = error instanceof Error ? error.message : String(error);
  return message === '' ? code : message;
}
