/** The attributes of a name in a certificate, by their short names. */
export type DistinguishedName = ReadonlyMap<string, string>;

/**
 * Parses a name such as `C=US, ST=WA, O=Acme, CN=signer`. A backslash makes the next character an ordinary one. Returns undefined
 * for a text of another form, and for a name with an attribute twice.
 */
export function parseName(text: string): DistinguishedName | undefined {
  return nameOf(text.split(/(?<!\\)[,;]/));
}

/** Reads the name as Node shows it: an attribute in each line. */
export function readSubject(subject: string | undefined): DistinguishedName | undefined {
  return nameOf((subject ?? '').split('\n'));
}

function nameOf(parts: readonly string[]): DistinguishedName | undefined {
  const name = new Map<string, string>();
  for (const part of parts) {
    const at = part.indexOf('=');
    const [key, value] = [part.slice(0, Math.max(at, 0)).trim(), part.slice(at + 1).trim()];
    if (!/^[\w.-]+$/.test(key) || value === '') return undefined;
    const canonical = key.toUpperCase() === 'S' ? 'ST' : key.toUpperCase();
    if (name.has(canonical)) return undefined;
    name.set(canonical, unescaped(value));
  }
  return name;
}

function unescaped(value: string): string {
  return value.replace(
    /\\([0-9A-Fa-f]{2})|\\(.)/g,
    (_, hex: string | undefined, other: string | undefined) =>
      hex === undefined ? (other ?? '') : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** Returns whether the name has all attributes of the other one. */
export function hasAll(name: DistinguishedName, wanted: DistinguishedName): boolean {
  return [...wanted].every(([key, value]) => name.get(key) === value);
}
