import { parsePlace } from '../client/place.ts';
import { InputError } from '../errors.ts';
import type { Annotations } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { fullDigest } from './full-name.ts';
import type { ParsedArgs } from './parsed-args.ts';

/** Returns the name of the image that was verified or signed: the reference by digest; the digest in a place on disk. */
export function digestName(image: string, digest: Digest): string {
  const place = parsePlace(image);
  return place.kind === 'registry' ? fullDigest(image, digest) : digest;
}

/**
 * Reads the annotations of -a.
 * @throws INVALID_OPTION for a text that is no K=V
 */
export function givenAnnotations(given: ParsedArgs): Annotations {
  const pairs = given.values('annotation').map((pair) => {
    const at = pair.indexOf('=');
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)] as const;
    throw new InputError('INVALID_OPTION', `--annotation takes KEY=VALUE, not "${pair.slice(0, 100)}"`);
  });
  return Object.fromEntries(pairs);
}
