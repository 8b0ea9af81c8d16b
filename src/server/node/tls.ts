import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { InputError } from '../../errors.ts';

/** The TLS identity of a server, as PEM. */
export interface TlsIdentity {
  /** The certificate, followed by the intermediate certificates. */
  readonly cert: string | Uint8Array;
  /** The private key. */
  readonly key: string | Uint8Array;
}

/**
 * Creates an HTTP server, with TLS 1.2 or later if `identity` is given; the TLS handshake may take `handshake`
 * milliseconds. Throws INVALID_OPTION for an unusable identity.
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
    // Node would accept an empty string, and its messages may contain parts of the key.
    throw new InputError('INVALID_OPTION', 'the TLS certificate or key is unusable, or they do not match', {
      cause,
    });
  }
}

function pem(text: string | Uint8Array): string | Buffer {
  const content = typeof text === 'string' ? text : Buffer.from(text);
  if (content.includes('-----BEGIN ')) return content;
  throw new InputError('INVALID_OPTION', 'the TLS certificate and its key must be PEM');
}
