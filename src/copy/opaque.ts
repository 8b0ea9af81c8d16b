import { UnsupportedError } from '../errors.ts';
import type { Manifest } from '../spec/manifest.ts';
import { refuseSchema1 } from '../spec/schema1.ts';

/**
 * Refuses a manifest with content that gantry does not understand: a copy would leave that content behind and look
 * complete. Schema 1 names its layers without their sizes.
 * @throws UNSUPPORTED with the next step in its message
 */
export function refuseOpaque(
  { descriptor, body }: Pick<Manifest, 'descriptor' | 'body'>,
  where: string,
): void {
  refuseSchema1(descriptor, where);
  if (body.kind !== 'unknown' || body.opaque !== true) return;
  const { mediaType, digest } = descriptor;
  throw new UnsupportedError(
    'copy',
    `${where}@${digest} is a manifest of the unknown type ${mediaType}, and gantry does not know all the content that it names, ` +
      'so it is not copied: "gantry manifest" and "gantry blob" read its parts',
  );
}
