import { InputError } from '../errors.ts';

/** Where to listen, as `listen` takes it: what is left out is its own default. */
export interface Address {
  readonly host?: string;
  readonly port?: number;
}

/** Reads `host:port`, `[::1]:port`, `:port` (every address of this machine) or a bare port. Throws INVALID_OPTION. */
export function parseAddress(text: string): Address {
  const [, host, digits] = /^(?:(\[[0-9A-Fa-f:.]+\]|[^:]*):)?(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) {
    throw new InputError('INVALID_OPTION', `"${text}" is not an address to listen on: [host]:port`);
  }
  if (host === undefined) return { port };
  // Both families, as a Go program's ":5000" means it.
  return { host: host === '' ? '::' : host.replace(/^\[|\]$/g, ''), port };
}
