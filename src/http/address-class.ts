import { BlockList, isIP } from 'node:net';

/** How near an address is to this machine. */
export type AddressClass = 'public' | 'private' | 'loopback' | 'link-local';

const ranks: Readonly<Record<AddressClass, number>> = { public: 0, private: 1, loopback: 2, 'link-local': 3 };

type Networks = readonly (readonly [AddressClass, BlockList])[];

const listNetworks = (): Networks => [
  ['loopback', blockList(['127.0.0.0', 8], ['0.0.0.0', 8], ['::1', 128], ['::', 128])],
  ['link-local', blockList(['169.254.0.0', 16], ['fe80::', 10])],
  [
    'private',
    blockList(
      ['10.0.0.0', 8],
      ['172.16.0.0', 12],
      ['192.168.0.0', 16],
      ['100.64.0.0', 10],
      ['fc00::', 7],
      ['64:ff9b::', 96],
    ),
  ],
];

function blockList(...subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets)
    list.addSubnet(network, prefix, isIP(network) === 6 ? 'ipv6' : 'ipv4');
  return list;
}

/** Created when the first address is classified: most requests use names. */
let networks: Networks | undefined;

/**
 * Classifies an address, or a name without looking it up: every name except `localhost` is public. `URL` has already
 * normalised forms such as `127.1` and `0x7f000001`.
 */
export function addressClassOf(hostname: string): AddressClass {
  const address = withoutBrackets(hostname).replace(/%.*$|\.$/, '');
  if (/(^|\.)localhost$/i.test(address)) return 'loopback';
  const family = isIP(address);
  if (family === 0) return 'public';
  networks ??= listNetworks();
  const found = networks.find(([, list]) => list.check(address, family === 6 ? 'ipv6' : 'ipv4'));
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
