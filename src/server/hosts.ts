import { headerValue } from '../wire/headers.ts';
import { errorAnswer } from '../wire/reply.ts';
import type { Serve } from './exchange.ts';

export interface HostOptions {
  /** Names that are served beside those that can only mean this machine or its neighbours. */
  readonly hosts?: readonly string[];
}

/**
 * Refuses with 421 what was asked of a name that a stranger may own. A web page of `evil.example` may let its name lead to
 * 127.0.0.1, and its scripts could then use a registry that is open to whoever is on this machine.
 */
export function withHosts(next: Serve, { hosts = [] }: HostOptions = {}): Serve {
  const served = new Set(hosts.map((host) => host.toLowerCase()));
  const serve: Serve = async (request) => {
    const name = nameOf(headerValue(request.headers, 'host'));
    if (isHarmless(name) || served.has(name)) return next(request);
    return errorAnswer('DENIED', 'this registry is not known by the name it was asked under', {
      status: 421,
    });
  };
  return next.guarded === undefined ? serve : Object.assign(serve, { guarded: next.guarded });
}

/** Without its port; empty for none, as only programs ask. */
function nameOf(host: string | undefined): string {
  return (host ?? '').toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/** An address, a name without dots, and the domains that nobody can register. */
function isHarmless(name: string): boolean {
  if (/^\[[0-9a-f:.]+\]$|^[\d.]+$/.test(name) || !name.includes('.')) return true;
  return /\.(?:localhost|local|internal|test|home\.arpa)$/.test(name);
}
