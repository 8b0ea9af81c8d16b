import { arrayOf, callback, checkArgument, checkOptions, type Shape, text } from '../spec/options.ts';
import { headerLines } from '../wire/headers.ts';
import { errorAnswer } from '../wire/reply.ts';
import type { Serve } from './exchange.ts';

/** Options for the check of the Host header. */
export interface HostOptions {
  /**
   * Host names to serve beside `localhost`, `*.localhost` and addresses. Web pages on these hosts count as the
   * registry's own.
   */
  readonly hosts?: readonly string[] | undefined;
}

/** Settings of `withHosts`. */
export interface NameOptions extends HostOptions {
  /** The host name of this machine. */
  readonly machine?: string | undefined;
}

/** The checks of names from plain JavaScript. */
export const nameOptions: Shape<NameOptions> = { hosts: arrayOf(text), machine: text };

/**
 * Refuses with 421 each request for a host name that another machine could claim. A web page of `evil.example`, or on a
 * local network of `evil.local` or `evil`, can make its name resolve to 127.0.0.1, and its scripts could then use a
 * registry without a login.
 */
export function withHosts(next: Serve, options: NameOptions = {}): Serve {
  checkArgument('withHosts', 'next', next, callback);
  checkOptions('withHosts', options, nameOptions);
  const isKnown = createKnownNames(options);
  const serve: Serve = async (request) => {
    const names = headerLines(request.headers, 'host').map(nameOf);
    // Browsers always send a Host header.
    if (names.every((name) => name === '' || isKnown(name))) return next(request);
    const message =
      'the registry refuses the name in the Host header, since another machine could claim it: ' +
      'use localhost or an address, or start the registry with --host-name NAME';
    return errorAnswer('DENIED', message, { status: 421 });
  };
  return next.guarded === undefined ? serve : Object.assign(serve, { guarded: next.guarded });
}

/**
 * Returns a check for names that no other machine can claim: `localhost` and its subdomains, addresses, the machine's
 * own name, which resolves locally, and `hosts`. mDNS, LLMNR and DHCP let any machine of a local network claim
 * `*.local`, a bare name or a private domain.
 */
export function createKnownNames({ hosts = [], machine = '' }: NameOptions): (name: string) => boolean {
  const named = new Set([...hosts, machine].map(nameOf));
  return (name) =>
    /^\[[0-9a-f:.]+\]$|^[\d.]+$|^(?:[^.]+\.)*localhost$/.test(name) || (name !== '' && named.has(name));
}

/** Returns the name in a Host header: without the port and the root's dot, in lower case. */
export function nameOf(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}
