/** Parses an IPv4 or IPv6 address without a zone. Returns its 4 or 16 bytes, or undefined for any other text. */
export function parseAddress(text: string): readonly number[] | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Returns whether an address belongs to the network with this prefix length. A mapped IPv4 address counts as IPv4. */
export function isInNetwork(
  address: readonly number[],
  network: readonly number[],
  prefixLength: number,
): boolean {
  const bytes = network.length === 4 ? withoutMapping(address) : address;
  if (bytes.length !== network.length) return false;
  return network.every((expected, at) => {
    const ignored = Math.min(8, Math.max(0, (at + 1) * 8 - prefixLength));
    return (bytes[at] ?? 0) >> ignored === expected >> ignored;
  });
}

function parseIpv4(text: string): readonly number[] | undefined {
  const parts = text.split('.');
  const isAddress = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part));
  const bytes = parts.map(Number);
  return isAddress && bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseIpv6(text: string): readonly number[] | undefined {
  const [, before = text, dotted] = /^(.*:)([^:]*\..*)$/.exec(text) ?? [];
  const last = dotted === undefined ? [] : parseIpv4(dotted);
  if (last === undefined) return undefined;
  // The colon before a dotted part separates it from a group, or is the second one of `::`.
  const written = dotted === undefined || before.endsWith('::') ? before : before.slice(0, -1);
  const halves = written.split('::').map((half) => (half === '' ? [] : half.split(':')));
  if (halves.length > 2 || !halves.flat().every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const [head = [], tail] = halves.map((groups) => groups.flatMap(bytesOfGroup));
  const missing = 16 - head.length - (tail?.length ?? 0) - last.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array<number>(missing).fill(0), ...(tail ?? []), ...last];
}

function bytesOfGroup(group: string): readonly number[] {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}

/** Returns the IPv4 address in `::ffff:0:0/96`, and any other address unchanged. */
function withoutMapping(address: readonly number[]): readonly number[] {
  const isMapped =
    address.length === 16 && address.slice(0, 12).every((byte, at) => byte === (at < 10 ? 0 : 0xff));
  return isMapped ? address.slice(12) : address;
}
