/**
 * Compares by UTF-8 bytes, which the protocol calls lexical order. UTF-16 order differs only for surrogates, which
 * encode the highest code points but are not the highest units.
 */
export function compareBytes(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const x = a.charCodeAt(at);
    const y = b.charCodeAt(at);
    if (x === y) continue;
    if (isSurrogate(x) !== isSurrogate(y)) return isSurrogate(x) ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

/** Returns the names after `after`, in byte order. */
export function listed(names: Iterable<string>, after?: string): string[] {
  const wanted =
    after === undefined ? [...names] : [...names].filter((name) => compareBytes(name, after) > 0);
  return wanted.sort(compareBytes);
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
