import { InputError } from '../errors.ts';

/** The predicate of a signature, as cosign writes it: it states only that the signer has signed the image. */
export const signaturePredicate = 'https://sigstore.dev/cosign/sign/v1';

/** The short names of predicate types, which are those of cosign. */
const names: ReadonlyMap<string, string> = new Map([
  ['sign', signaturePredicate],
  ['slsaprovenance', 'https://slsa.dev/provenance/v0.2'],
  ['slsaprovenance02', 'https://slsa.dev/provenance/v0.2'],
  ['slsaprovenance1', 'https://slsa.dev/provenance/v1'],
  ['spdx', 'https://spdx.dev/Document'],
  ['spdxjson', 'https://spdx.dev/Document'],
  ['cyclonedx', 'https://cyclonedx.org/bom'],
  ['link', 'https://in-toto.io/Link/v1'],
  ['vuln', 'https://cosign.sigstore.dev/attestation/vuln/v1'],
  ['openvex', 'https://openvex.dev/ns'],
  ['custom', 'https://cosign.sigstore.dev/attestation/v1'],
]);

/**
 * Returns the predicate type that a short name or a URI means.
 * @throws INVALID_OPTION when the text is neither
 */
export function predicateTypeOf(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (/^[a-z][a-z0-9+.-]*:\S+$/i.test(text)) return text;
  throw new InputError(
    'INVALID_OPTION',
    `"${text.slice(0, 100)}" is no type of an attestation: give a URI, or one of ${[...names.keys()].join(', ')}`,
  );
}
