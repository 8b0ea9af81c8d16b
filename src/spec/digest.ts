import { InputError, UnsupportedError } from '../errors.ts';
import { checkArgument, text as words } from './options.ts';

declare const digestBrand: unique symbol;

/**
 * A parsed `algorithm:encoded` string. Its grammar has been checked, so it is safe in a URL and in a file name.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export type Digest = string & { readonly [digestBrand]: true };

/** The algorithms that gantry computes. Any other well-formed digest parses but can't be verified. */
export type Algorithm = 'sha256' | 'sha512';

const grammar = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const hexLength: ReadonlyMap<string, number> = new Map([
  ['sha256', 64],
  ['sha512', 128],
  ['blake3', 64],
]);
/** Registered algorithms stay far below this. A longer digest is an attack on a path or a log. */
const maxLength = 255;

/**
 * Checks the grammar of `algorithm:encoded` and, for known algorithms, the length.
 * @throws INVALID_DIGEST when the text is no digest
 */
export function parseDigest(text: string): Digest {
  checkArgument('parseDigest', 'text', text, words);
  if (isDigest(text)) return text;
  throw new InputError('INVALID_DIGEST', `"${clip(text)}" is not a digest`);
}

export function isDigest(text: string): text is Digest {
  if (text.length > maxLength || !grammar.test(text)) return false;
  const colon = text.indexOf(':');
  const length = hexLength.get(text.slice(0, colon));
  if (length === undefined) return true;
  const encoded = text.slice(colon + 1);
  return encoded.length === length && /^[0-9a-f]+$/.test(encoded);
}

export function digestAlgorithm(digest: Digest): string {
  return digest.slice(0, digest.indexOf(':'));
}

export function digestEncoded(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** Tells whether gantry can verify content with this digest. */
export function isComputable(digest: Digest): boolean {
  const algorithm = digestAlgorithm(digest);
  return algorithm === 'sha256' || algorithm === 'sha512';
}

/**
 * Returns the algorithm if gantry computes it.
 * @throws UNSUPPORTED otherwise, because gantry never passes on unverified content
 */
export function computableAlgorithm(digest: Digest): Algorithm {
  const algorithm = digestAlgorithm(digest);
  if (algorithm === 'sha256' || algorithm === 'sha512') return algorithm;
  throw new UnsupportedError('digest', `can't verify ${digest}: only sha256 and sha512 can be computed`);
}

function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
