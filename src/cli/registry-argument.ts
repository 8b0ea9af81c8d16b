import { parseRegistry } from '../spec/reference.ts';

/**
 * The registry that `auth` is about, Docker Hub where none is named. Takes what docker and its helpers write, too:
 * `https://index.docker.io/v1/`. Throws INVALID_REFERENCE.
 */
export function registryArgument(text = 'docker.io'): string {
  return parseRegistry(text.replace(/\/v[12]\/?$/, '')).registry;
}
