import { parseRegistry, type Reference } from '../spec/reference.ts';

/**
 * The registry that `auth` is about, Docker Hub where none is named. Takes what docker and its helpers write, too:
 * `https://index.docker.io/v1/`. Throws INVALID_REFERENCE.
 */
export function registryArgument(text = 'docker.io'): Pick<Reference, 'registry' | 'scheme'> {
  return parseRegistry(text.replace(/\/v[12]\/?$/, ''));
}
