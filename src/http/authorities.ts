import tls from 'node:tls';

/** What `node:tls` has from Node 22.15 on. */
interface Authorities {
  readonly rootCertificates: readonly string[];
  readonly getCACertificates?: (kind: 'default' | 'system') => readonly string[];
}

const known: Authorities = tls;

/** The certificates that Node trusts by itself. */
export function defaultAuthorities(): readonly string[] {
  return known.getCACertificates?.('default') ?? known.rootCertificates;
}

/** Those that the machine trusts; undefined where Node can't tell. */
export function systemAuthorities(): readonly string[] | undefined {
  return known.getCACertificates?.('system');
}
