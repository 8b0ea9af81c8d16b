import { BlockList, isIP } from 'node:net';

/** How close to us a host is. */
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

/** Made when an address is first judged: most requests go to names. */
let networks: Networks | undefined;

/**
 * By an address or a name, which is not looked up: any name but `localhost` is public. `URL` has already turned `127.1`
 * and `0x7f000001` into their usual form.
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

/** The most public of the addresses that a name has: whoever has both speaks for the public. */
export function mostPublic(addresses: readonly string[]): AddressClass {
  const found = addresses.map(addressClassOf).sort((a, b) => ranks[a] - ranks[b]);
  return found[0] ?? 'public';
}

/** Whether somebody at `from` may send us to `to`. Nobody may to where clouds keep the secrets of their machines. */
export function mayReach(from: AddressClass, to: AddressClass): boolean {
  return to !== 'link-local' && ranks[to] <= ranks[from];
}

export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
