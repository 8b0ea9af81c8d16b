import tls from 'node:tls';

/** What `node:tls` has from Node 22.15 on. */
interface Authorities {
  readonly rootCertificates: readonly string[];
  readonly getCACertificates?: (kind: 'default' | 'system') => readonly string[];
}

/** The certificates that Node trusts by itself. */
export function defaultAuthorities(): readonly string[] {
  const known: Authorities = tls;
  return known.getCACertificates?.('default') ?? known.rootCertificates;
}

/** Those that the machine trusts; undefined where Node can't tell. */
export function systemAuthorities(): readonly string[] | undefined {
  const known: Authorities = tls;
  return known.getCACertificates?.('system');
}
