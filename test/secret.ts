/**
 * Every password, token, cookie, signature and key of a test comes from here, so that the run can search all its output
 * for them. They share one word that nothing else contains. The word stands only in this file.
 */
const word = 'Wq7zKx0vYj3TnB5u';

/**
 * Returns a secret of the tests, the same in every run. `name` distinguishes it from others, and tells its owner in a
 * finding.
 */
export function secret(name: string): string {
  return `${word}-${name}`;
}

/** Returns the Authorization header of a user and password. */
export function basicOf(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** The word itself, in hex, with every character percent-encoded, and in base64 at each of the three offsets. */
const forms = formsOf(word);
const others = new Set<string>();
/** No form is longer, so this much of the text before may be the beginning of one. */
export const longestForm: number = 256;

/** Registers a part of a secret that this module cannot make, such as a private key. */
export function alsoSecret(text: string): void {
  others.add(text.slice(0, longestForm));
}

/** Returns the position of a secret in the text, in any form; -1 without one. */
export function findSecret(text: string): number {
  for (const form of [...forms, ...others]) {
    const at = text.indexOf(form);
    if (at >= 0) return at;
  }
  return -1;
}

/** Replaces the beginning of each secret in the text, so that a finding is no finding itself. */
export function withoutSecrets(text: string): string {
  return [...forms, ...others].reduce((left, form) => left.replaceAll(form, '[SECRET]'), text);
}

function formsOf(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const percent = hex.replace(/../g, '%$&');
  return [
    text,
    hex,
    hex.toUpperCase(),
    percent,
    percent.toUpperCase(),
    ...[0, 1, 2].map((at) => core(bytes, at)),
  ];
}

/** Returns the base64 of the bytes after `before` other bytes, without the characters that share bits with others. */
function core(bytes: Buffer, before: number): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}
