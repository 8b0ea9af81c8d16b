import { type Authority, type Certificate, makeAuthority } from '../../bench/support/authority.ts';
import { alsoSecret } from '../secret.ts';

export type { Authority, Certificate };

/** Makes a certificate authority whose keys must not show in the output of a test. */
export async function createAuthority(folder: string): Promise<Authority> {
  const authority = await makeAuthority(folder);
  return {
    ...authority,
    async issue(commonName, names) {
      const certificate = await authority.issue(commonName, names);
      // Registers a line from the middle, since every key begins alike.
      alsoSecret(certificate.key.split('\n')[2] ?? certificate.key);
      return certificate;
    },
  };
}
