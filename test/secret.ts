/**
 * Every password, token, cookie, signature and key that a test uses comes from here, so that the run can search all that
 * it wrote for them: they have one word in common that nothing else has. It stands nowhere but in this file.
 */
const word = 'Wq7zKx0vYj3TnB5u';

/** A secret of the tests, the same in every run; `name` tells it from others and says in a finding whose it is. */
export function secret(name: string): string {
  return `${word}-${name}`;
}

/** What a registry is shown of a user and password. */
export function basicOf(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** As it is, in hex, with every sign percent-encoded, and in base64 wherever in a text of three bytes it begins. */
const forms = formsOf(word);
const others = new Set<string>();
/** No form is longer: this much of what came before can be the beginning of one. */
export const longestForm: number = 256;

/** Of what can't be made here, a private key say: a part that stands for it. */
export function alsoSecret(text: string): void {
  others.add(text.slice(0, longestForm));
}

/** Where in the text a secret begins, in any form; -1 if none does. */
export function findSecret(text: string): number {
  for (const form of [...forms, ...others]) {
    const at = text.indexOf(form);
    if (at >= 0) return at;
  }
  return -1;
}

/** The text with the beginning of each secret in it struck out, so that a finding is none itself. */
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

/** What base64 makes of the bytes when `before` others stand before them, without the signs that share bits with others. */
function core(bytes: Buffer, before: number): string {
  const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}
