import { isInNetwork, parseAddress } from './ip-address.ts';

/** How near an address is to this machine. */
export type AddressClass = 'public' | 'private' | 'loopback' | 'link-local';

const ranks: Readonly<Record<AddressClass, number>> = { public: 0, private: 1, loopback: 2, 'link-local': 3 };

const networks: readonly (readonly [AddressClass, base: string, prefixLength: number])[] = [
  ['loopback', '127.0.0.0', 8],
  ['loopback', '0.0.0.0', 8],
  ['loopback', '::1', 128],
  ['loopback', '::', 128],
  ['link-local', '169.254.0.0', 16],
  ['link-local', 'fe80::', 10],
  ['private', '10.0.0.0', 8],
  ['private', '172.16.0.0', 12],
  ['private', '192.168.0.0', 16],
  ['private', '100.64.0.0', 10],
  ['private', 'fc00::', 7],
  ['private', '64:ff9b::', 96],
];

/**
 * Classifies an address, or a name without looking it up: every name except `localhost` is public. `URL` has already
 * normalised forms such as `127.1` and `0x7f000001`.
 */
export function addressClassOf(hostname: string): AddressClass {
  const name = withoutBrackets(hostname).replace(/%.*$|\.$/, '');
  if (/(^|\.)localhost$/i.test(name)) return 'loopback';
  const address = parseAddress(name);
  if (address === undefined) return 'public';
  const found = networks.find(([, base, length]) => isInNetwork(address, parseAddress(base) ?? [], length));
  return found?.[0] ?? 'public';
}

/** Returns the most public class among the addresses of a name: a name that has a public address counts as public. */
export function mostPublic(addresses: readonly string[]): AddressClass {
  const found = addresses.map(addressClassOf).sort((a, b) => ranks[a] - ranks[b]);
  return found[0] ?? 'public';
}

/**
 * Returns whether a sender of class `from` may refer to an address of class `to`. No sender may refer to link-local
 * addresses, where clouds keep the secrets of their machines.
 */
export function mayReach(from: AddressClass, to: AddressClass): boolean {
  return to !== 'link-local' && ranks[to] <= ranks[from];
}

export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
