import type { Buffer } from 'node:buffer';
import { X509Certificate } from 'node:crypto';
import { Rejection } from '../rejection.ts';
import { type CertificateFacts, certificateFacts, digitalSignature, keyCertSign } from './key-usage.ts';

const codeSigning = '1.3.6.1.5.5.7.3.3';
/** Longer chains do not exist, and each link costs a verification. */
const mostLinks = 10;

/**
 * Checks a chain of certificates from the signer to a root that signs itself: each is issued by the next, authorities are
 * authorities, and the signer's is for signatures only. Validity and trust are for the policy to decide.
 * @throws Rejection with the reason
 */
export function checkChain(chain: readonly Buffer[]): readonly X509Certificate[] {
  if (chain.length === 0 || chain.length > mostLinks)
    throw new Rejection(`it has ${chain.length} certificates`);
  const links = chain.map(linkOf);
  const certificates = links.map(({ certificate }) => certificate);
  for (const [at, { certificate, facts }] of links.entries()) {
    const issuer = certificates[at + 1] ?? certificate;
    if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) {
      throw new Rejection('its certificates are no chain from the signer to a root');
    }
    if (at === 0) checkLeaf(certificate, facts);
    else checkAuthority(certificate, facts);
  }
  return certificates;
}

function linkOf(der: Buffer): { readonly certificate: X509Certificate; readonly facts: CertificateFacts } {
  try {
    return { certificate: new X509Certificate(der), facts: certificateFacts(der) };
  } catch {
    throw new Rejection('one of its certificates is malformed');
  }
}

function checkLeaf(certificate: X509Certificate, { keyUsage }: CertificateFacts): void {
  // Node has the extended usage under this name, and no list if the certificate has none.
  const usages: readonly string[] | undefined = certificate.keyUsage;
  if (certificate.ca) throw new Rejection('the certificate of its signer is one of an authority');
  if (keyUsage?.critical !== true || keyUsage.bits !== digitalSignature) {
    throw new Rejection('the certificate of its signer is not for signatures only');
  }
  if (usages !== undefined && !usages.includes(codeSigning)) {
    throw new Rejection('the certificate of its signer is not for signing code');
  }
}

function checkAuthority({ ca }: X509Certificate, { keyUsage }: CertificateFacts): void {
  if (!ca || keyUsage === undefined || (keyUsage.bits & keyCertSign) === 0) {
    throw new Rejection('one of its certificates is not one of an authority');
  }
}

export function isValidAt({ validFrom, validTo }: X509Certificate, time: number): boolean {
  return Date.parse(validFrom) <= time && time <= Date.parse(validTo);
}

/** Returns whether a certificate says where to ask for revocations. */
export function hasRevocation({ raw }: X509Certificate): boolean {
  return certificateFacts(raw).hasRevocation;
}
