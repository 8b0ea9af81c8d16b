import { UnsupportedError } from '../errors.ts';
import type { Manifest } from '../spec/manifest.ts';
import { refuseSchema1 } from '../spec/schema1.ts';

/**
 * Throws UNSUPPORTED for a manifest whose content gantry can't tell: a copy of it would leave that content behind and look
 * whole. Schema 1 names its layers without their sizes.
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
    `${where}@${digest} is a manifest of the unknown type ${mediaType}, and gantry can't tell all the content that it names, ` +
      'so it is not copied: "gantry manifest" and "gantry blob" read its parts',
  );
}
