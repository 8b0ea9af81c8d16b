import type { ListedAttestation } from '../../sign/attestations.ts';
import type { MadeSignature, SignedImage } from '../../sign/sign-image.ts';
import type { VerifiedImage } from '../../sign/verify-image.ts';
import type { Place } from '../place.ts';
import type { AttestOptions, SignOptions } from '../sign.ts';
import type { AttestationsOptions, VerifyOptions } from '../verify.ts';

/** The verbs of a client about signatures. */
export interface SignVerbs {
  /**
   * Verifies that an image is signed, in all formats at once, and resolves with the signatures that count. Of an index, the index
   * itself has to be signed; with `platform`, the index or the selected image. A tag may move afterwards: use the digest of the
   * result.
   * @throws SIGNATURE_MISSING when the image has no signature
   * @throws SIGNATURE_INVALID when none counts; the error has the reason for each
   * @throws INVALID_OPTION when a key cannot be used
   * @example
   * ```ts
   * import { readFile } from 'node:fs/promises';
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { digest } = await client.verify('ghcr.io/acme/app:1.0', { keys: [await readFile('cosign.pub', 'utf8')] });
   * await client.copy(`ghcr.io/acme/app@${digest}`, 'localhost:5000/app:1');
   * ```
   */
  verify(place: string | Place, options?: VerifyOptions): Promise<VerifiedImage>;
  /**
   * Signs an image in a registry or a layout; of an index also every image. cosign 3 verifies the signatures.
   * @throws MANIFEST_UNKNOWN when the place has no such image
   * @throws UNSUPPORTED for archives and docker daemons
   * @example
   * ```ts
   * import { readFile } from 'node:fs/promises';
   * import { createClient } from 'gantry';
   * import { openSigner } from 'gantry/sign';
   *
   * await using client = createClient();
   * const signer = await openSigner(await readFile('cosign.key', 'utf8'), { password: '' });
   * const { digest } = await client.sign('ghcr.io/acme/app:1', { signer, annotations: { build: '42' } });
   * console.log(digest);
   * ```
   */
  sign(place: string | Place, options: SignOptions): Promise<SignedImage>;
  /**
   * Signs a statement about an image, such as an SBOM, and attaches it.
   * @throws MANIFEST_UNKNOWN when the place has no such image
   * @throws INVALID_OPTION when the predicate is no JSON document
   * @throws UNSUPPORTED for archives and docker daemons
   * @example
   * ```ts
   * import { readFile } from 'node:fs/promises';
   * import { createClient } from 'gantry';
   * import { openSigner } from 'gantry/sign';
   *
   * await using client = createClient();
   * const signer = await openSigner(await readFile('cosign.key', 'utf8'), { password: '' });
   * const predicate = new TextEncoder().encode('{"spdxVersion":"SPDX-2.3"}');
   * await client.attest('ghcr.io/acme/app:1', { signer, predicate, type: 'spdxjson' });
   * ```
   */
  attest(place: string | Place, options: AttestOptions): Promise<MadeSignature>;
  /**
   * Lists the attestations of an image. Nothing of them is verified: `verify` with their `type` does that.
   * @throws MANIFEST_UNKNOWN when the place has no such image
   */
  attestations(place: string | Place, options?: AttestationsOptions): Promise<readonly ListedAttestation[]>;
}
