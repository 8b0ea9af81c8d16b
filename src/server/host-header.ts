import { headerLines } from '../wire/headers.ts';
import { errorAnswer } from '../wire/reply.ts';
import type { Serve } from './exchange.ts';

export interface HostOptions {
  /** Names that are served beside `localhost`, `*.localhost` and addresses. A web page of such a host counts as the registry's own. */
  readonly hosts?: readonly string[] | undefined;
}

export interface NameOptions extends HostOptions {
  /** The name that this machine calls itself by. */
  readonly machine?: string;
}

/**
 * Refuses with 421 a request for a name that another machine can claim. A web page of `evil.example`, or on a local network
 * of `evil.local` or `evil`, lets its name lead to 127.0.0.1, and its scripts could then use a registry without a login.
 */
export function withHosts(next: Serve, options: NameOptions = {}): Serve {
  const isKnown = createKnownNames(options);
  const serve: Serve = async (request) => {
    const names = headerLines(request.headers, 'host').map(nameOf);
    // Only programs name none.
    if (names.every((name) => name === '' || isKnown(name))) return next(request);
    const message =
      'the registry does not answer to the name in the Host header, since another machine could claim it: ' +
      'ask for localhost or an address, or start the registry with --host-name NAME';
    return errorAnswer('DENIED', message, { status: 421 });
  };
  return next.guarded === undefined ? serve : Object.assign(serve, { guarded: next.guarded });
}

/**
 * Whether no other machine can answer for a name: `localhost` and the names below it, addresses, the machine's own name,
 * which it looks up at itself, and `hosts`. mDNS, LLMNR and DHCP let any machine of a local network answer for `*.local`, a
 * bare name or a private domain.
 */
export function createKnownNames({ hosts = [], machine = '' }: NameOptions): (name: string) => boolean {
  const named = new Set([...hosts, machine].map(nameOf));
  return (name) =>
    /^\[[0-9a-f:.]+\]$|^[\d.]+$|^(?:[^.]+\.)*localhost$/.test(name) || (name !== '' && named.has(name));
}

/** The name in a Host header: without its port, lower case, without the dot of the root. */
export function nameOf(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}
