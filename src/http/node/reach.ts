import type { LookupFunction } from 'node:net';
import { TransportError } from '../../errors.ts';
import { type AddressClass, addressClassOf, mayReach, mostPublic } from '../address-class.ts';

/** Limits the addresses of a host that an answer has named, by the addresses of the host that sent the answer. */
export interface Reach {
  /** Returns the class of the nearest addresses that a host may refer to. */
  limitOf(sender: string): AddressClass;
  /** Throws REDIRECT_REFUSED for an address that is nearer than the limit. Does not look names up. */
  check(hostname: string, limit: AddressClass): void;
  /**
   * Returns a lookup that remembers the addresses of each name. With a limit, a name with a nearer address fails with
   * REDIRECT_REFUSED before a connection is made. The connection goes to exactly the addresses that were checked.
   */
  lookup(limit: AddressClass | undefined): LookupFunction;
}

export function createReach(lookup: LookupFunction): Reach {
  /** The addresses of each name that was looked up. They are classified only when the host refers to another one. */
  const reached = new Map<string, readonly string[]>();
  /**
   * Names that resolved to a nearer address than allowed. Such a name may afterwards refer to public addresses only.
   */
  const refused = new Set<string>();
  return {
    limitOf: (sender) => (refused.has(sender) ? 'public' : mostPublic(reached.get(sender) ?? [sender])),
    check(hostname, limit) {
      const direct = addressClassOf(hostname);
      if (!mayReach(limit, direct)) throw tooClose(hostname, direct);
    },
    lookup: (limit) => (hostname, options, callback) =>
      lookup(hostname, options, (error, address, family) => {
        if (error !== null) return callback(error, address, family);
        const addresses = typeof address === 'string' ? [address] : address.map((entry) => entry.address);
        const wrong =
          limit && addresses.map(addressClassOf).find((addressClass) => !mayReach(limit, addressClass));
        if (wrong === undefined) reached.set(hostname, addresses);
        else refused.add(hostname);
        callback(wrong === undefined ? null : tooClose(hostname, wrong), address, family);
      }),
  };
}

/** Uses the lookup of the system. Loads `node:dns` only then, because an address needs no lookup. */
export const systemLookup: LookupFunction = (hostname, options, callback) =>
  process.getBuiltinModule('node:dns').lookup(hostname, options, callback);

function tooClose(hostname: string, addressClass: AddressClass): TransportError {
  return new TransportError(
    'REDIRECT_REFUSED',
    `an answer refers to ${hostname}: refused, because a ${addressClass} address is nearer than its sender's`,
  );
}
