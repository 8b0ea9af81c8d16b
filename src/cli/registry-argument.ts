import { dockerHub } from '../spec/docker-hub.ts';
import { parseRegistry, type Reference } from '../spec/reference.ts';

/**
 * Parses the REGISTRY argument of `auth`; Docker Hub by default. Also accepts the form of docker and its helpers,
 * `https://index.docker.io/v1/`.
 * @throws INVALID_REFERENCE for any other text
 */
export function registryArgument(text: string = dockerHub): Pick<Reference, 'registry' | 'scheme'> {
  return parseRegistry(text.replace(/\/v[12]\/?$/, ''));
}
