import { InputError } from '../errors.ts';

/** The address to listen on. `listen` has defaults for absent parts. */
export interface Address {
  readonly host?: string;
  readonly port?: number;
}

/**
 * Parses the value of `--address`: `host:port`, `[::1]:port`, `:port` (every address of this machine) or a bare port.
 * Without it, `port` counts, which is the environment variable PORT.
 * @throws INVALID_OPTION for any other text
 */
export function parseListenAddress(address: string | undefined, port = ''): Address {
  if (address !== undefined) return parse('--address', address);
  return port === '' ? { port: 0 } : parse('PORT', port);
}

function parse(name: string, text: string): Address {
  const [, host, digits] = /^(?:(\[[0-9A-Fa-f:.]+\]|[^:]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new InputError(
      'INVALID_OPTION',
      `${name} takes an address to listen on, such as localhost:5000 or :5000, not "${text}"`,
    );
  }
  if (host === undefined) return { port };
  // Listens on both families, like ":5000" in a Go program.
  return { host: host === '' ? '::' : host.replace(/^\[|\]$/g, ''), port };
}
