/**
 * Returns the part of a client's address that the client cannot choose: an IPv4 address, or the /64 network of an IPv6
 * address. Returns undefined without an address and for this machine, which is mostly a proxy with many clients behind
 * it.
 */
export function sourceAddressOf(peer: string | undefined): string | undefined {
  const address = peer?.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  if (address === undefined || address === '::1' || address.startsWith('127.')) return undefined;
  return address.includes(':') ? networkOf(address) : address;
}

/** Returns the first four groups of an IPv6 address, which may omit groups of zeros. */
function networkOf(address: string): string {
  const [before = '', after] = address.split('%', 1)[0]?.split('::', 2) ?? [];
  const groups = before === '' ? [] : before.split(':');
  const rest = after === undefined || after === '' ? [] : after.split(':');
  const zeros = after === undefined ? 0 : 8 - groups.length - rest.length;
  const all = [...groups, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...rest];
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
