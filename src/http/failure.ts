import { GantryError, TransportError } from '../errors.ts';
import type { Target } from './target.ts';

/** What a failed exchange is called: by whether a connection stood, and with the host in the message. */
export function transportError(
  error: unknown,
  { target, connected }: { readonly target: Target; readonly connected: boolean },
): GantryError {
  if (error instanceof GantryError) return error;
  const reason = reasonOf(error);
  if (connected && /^HPE_(?!INVALID_EOF_STATE)/.test(codeOf(error))) {
    return new TransportError('NO_CONNECTION', `${target.host} does not speak HTTP: ${reason}`, {
      cause: error,
    });
  }
  if (connected) {
    return new TransportError('CUT_OFF', `${target.host} broke the connection off: ${reason}`, {
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

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name could not be looked up just now',
  EHOSTUNREACH: 'there is no way to that host',
  ENETUNREACH: 'there is no way to that network',
  EPROTO: 'it does not speak TLS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
};

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const known = reasons[code];
  if (known !== undefined) return known;
  // An AggregateError of one failure per address has an empty message.
  const message = error instanceof Error ? error.message : String(error);
  return message === '' ? code : message;
}
