import type { Credential } from '../keychain/credential.ts';

interface Basic {
  readonly username: string;
  readonly password: string;
}

/** An identity token goes as the password of the user that docker's helpers call `<token>`. */
export function basicOf(
  credential: Exclude<Credential, { kind: 'registry' }> | undefined,
): Basic | undefined {
  if (credential?.kind !== 'identity') return credential;
  return { username: credential.username ?? '<token>', password: credential.token };
}

export function basicAuthorization({ username, password }: Basic): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** What of a credential must not be shown, in each form that a server gets it in and may repeat it in. */
export function secretsOf(credential: Credential): readonly string[] {
  if (credential.kind === 'registry') return [credential.token];
  const basic = basicOf(credential);
  if (basic === undefined) return [];
  const encoded = basicAuthorization(basic)
    .slice('Basic '.length)
    .replace(/={1,2}$/, '');
  return [...new Set([basic.password, encodeURIComponent(basic.password), encoded])];
}
