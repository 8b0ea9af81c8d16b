/** The part of `node:tls` that exists only from Node 22.15 on. */
interface Authorities {
  readonly rootCertificates: readonly string[];
  readonly getCACertificates?: (kind: 'default' | 'system') => readonly string[];
}

/** Returns the PEM certificates of the authorities that Node trusts by default. */
export function defaultAuthorities(): readonly string[] {
  const known: Authorities = process.getBuiltinModule('node:tls');
  return known.getCACertificates?.('default') ?? known.rootCertificates;
}

/**
 * Returns the PEM certificates of the authorities that the machine trusts. Returns undefined before Node 22.15, which
 * cannot list them.
 */
export function systemAuthorities(): readonly string[] | undefined {
  const known: Authorities = process.getBuiltinModule('node:tls');
  return known.getCACertificates?.('system');
}
