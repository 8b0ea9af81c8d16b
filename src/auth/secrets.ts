import type { Credential } from '../keychain/credential.ts';
import { toBase64 } from '../spec/base64url.ts';

interface Basic {
  readonly username: string;
  readonly password: string;
}

/**
 * Returns the user and password for Basic authentication. An identity token becomes the password of the user `<token>`,
 * as in docker's helpers.
 */
export function basicOf(
  credential: Exclude<Credential, { kind: 'registry' }> | undefined,
): Basic | undefined {
  if (credential?.kind !== 'identity') return credential;
  return { username: credential.username ?? '<token>', password: credential.token };
}

export function basicAuthorization({ username, password }: Basic): string {
  return `Basic ${toBase64(new TextEncoder().encode(`${username}:${password}`))}`;
}

/** Returns the secret parts of a credential, in each form that a server receives and may repeat. */
export function secretsOf(credential: Credential): readonly string[] {
  if (credential.kind === 'registry') return [credential.token];
  const basic = basicOf(credential);
  if (basic === undefined) return [];
  const encoded = basicAuthorization(basic)
    .slice('Basic '.length)
    .replace(/={1,2}$/, '');
  return [...new Set([basic.password, encodeURIComponent(basic.password), encoded])];
}
