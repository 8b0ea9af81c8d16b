import { type Digest, digestEncoded } from '../../spec/digest.ts';
import type { Bill, DocumentFacts } from './bill.ts';
import { cycloneDxDocument } from './cyclonedx.ts';
import { spdxDocument } from './spdx.ts';

/** The form of a bill of materials. */
export type SbomForm = 'spdx' | 'cyclonedx';

/** The media types of the documents, which are also the types of the artifacts with them. */
export const sbomTypes: Readonly<Record<SbomForm, string>> = {
  spdx: 'application/spdx+json',
  cyclonedx: 'application/vnd.cyclonedx+json',
};

/** Writes a bill of materials about an image. */
export function sbomDocument(
  form: SbomForm,
  bill: Bill,
  { image, created }: { readonly image: Digest; readonly created: string },
): Uint8Array {
  const about: DocumentFacts = { created, uuid: uuidOf(image) };
  const document = form === 'spdx' ? spdxDocument(bill, about) : cycloneDxDocument(bill, about);
  return new TextEncoder().encode(`${JSON.stringify(document, undefined, 2)}\n`);
}

/**
 * Makes an identifier of a digest.
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8
 */
function uuidOf(digest: Digest): string {
  const hex = digestEncoded(digest);
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(12, 15)}`, `8${hex.slice(15, 18)}`];
  return `${parts.join('-')}-${hex.slice(18, 30)}`;
}
