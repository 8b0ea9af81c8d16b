import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { InputError } from '../../errors.ts';

/** What a server proves its name with, as PEM. */
export interface TlsIdentity {
  /** The certificate, and after it those that lead to its authority. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

/**
 * A server of HTTP, over TLS 1.2 or newer where there is an identity, whose handshake may take `handshake` milliseconds. Throws
 * INVALID_OPTION for an identity that can't be used.
 */
export function createListeningServer(
  options: ServerOptions,
  identity: TlsIdentity | undefined,
  handshake: number,
): Server {
  if (identity === undefined) return createServer(options);
  const [cert, key] = [pem(identity.cert), pem(identity.key)];
  try {
    return createSecureServer({ ...options, cert, key, minVersion: 'TLSv1.2', handshakeTimeout: handshake });
  } catch (cause) {
    // Node would take an empty text for none at all, and its messages may hold parts of what it was given.
    throw new InputError(
      'INVALID_OPTION',
      "the TLS certificate and key can't be used, or don't belong together",
      {
        cause,
      },
    );
  }
}

function pem(text: string | Uint8Array): string | Buffer {
  const content = typeof text === 'string' ? text : Buffer.from(text);
  if (content.includes('-----BEGIN ')) return content;
  throw new InputError('INVALID_OPTION', 'the TLS certificate and its key must be PEM');
}
