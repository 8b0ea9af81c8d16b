import { InputError } from '../errors.ts';

/** The address to listen on. `listen` has defaults for absent parts. */
export interface Address {
  readonly host?: string;
  readonly port?: number;
}

/**
 * Parses `host:port`, `[::1]:port`, `:port` (every address of this machine) or a bare port.
 * @throws INVALID_OPTION for any other text
 */
export function parseListenAddress(text: string): Address {
  const [, host, digits] = /^(?:(\[[0-9A-Fa-f:.]+\]|[^:]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new InputError('INVALID_OPTION', `"${text}" is not an address to listen on: [host]:port`);
  }
  if (host === undefined) return { port };
  // Listens on both families, like ":5000" in a Go program.
  return { host: host === '' ? '::' : host.replace(/^\[|\]$/g, ''), port };
}
