import { InputError } from '../errors.ts';
import { dockerHub } from '../spec/docker-hub.ts';
import { given } from '../spec/options.ts';
import { formatReference, parseReference, type Reference } from '../spec/reference.ts';

/** The ID of an image: the digest of its config, or in a containerd store that of its manifest or index. */
const wholeId = /^sha256:[0-9a-f]{64}$/;
/** The first characters of an ID, as docker lists it. They can also be a name. */
const shortId = /^[0-9a-f]{4,64}$/;

/**
 * Parses the name of an image in a daemon: a reference, as for docker. Returns undefined for the ID of an image.
 * @throws INVALID_REFERENCE, NAME_INVALID or INVALID_DIGEST when the text is malformed
 */
export function parseImageName(text: string): Reference | undefined {
  if (wholeId.test(text) || /^[0-9a-f]{64}$/.test(text)) return undefined;
  return parseReference(text);
}

/**
 * Returns the texts by which a daemon may know an image, in the order in which docker tries them: its name, and then an ID.
 * A name has its tag, because docker would otherwise save all tags.
 */
export function namesOfImage(text: string): readonly string[] {
  const reference = parseImageName(text);
  if (reference === undefined) return [text];
  return [familiarName(reference), ...(shortId.test(text) ? [text] : [])];
}

/** Formats a reference as docker lists it: `alpine:3` and `acme/app:1` for images of Docker Hub. */
export function familiarName({ registry, repository, tag, digest }: Reference): string {
  const whole = formatReference(given({ registry, repository, tag, digest }));
  if (registry !== dockerHub) return whole;
  return whole.slice(dockerHub.length + 1).replace(/^library\//, '');
}

/**
 * Returns the name for an image that is to be loaded: daemons know names with a tag only.
 * @throws INVALID_REFERENCE when the text is an ID, or has a digest and no tag
 */
export function nameToLoad(text: string): Reference & { readonly tag: string } {
  const reference = parseImageName(text);
  const tag = reference?.tag;
  if (reference === undefined || tag === undefined) {
    const problem = reference === undefined ? 'is the ID of an image' : 'has a digest and no tag';
    throw new InputError(
      'INVALID_REFERENCE',
      `"docker-daemon:${text}" ${problem}, and a daemon takes an image under a name: docker-daemon:NAME:TAG`,
    );
  }
  return { ...reference, tag };
}
