import {
  formatReference,
  parseReference,
  parseRegistry,
  parseRepository,
  type Reference,
} from '../spec/reference.ts';

/**
 * References as crane prints them, whose output scripts take apart: Docker Hub is `index.docker.io` there.
 * Everywhere else in gantry it is `docker.io`; both are read.
 */
function fullName(reference: Omit<Reference, 'scheme'>): string {
  return formatReference(reference).replace(/^docker\.io\//, 'index.docker.io/');
}

/** `repository@digest` for the repository that `reference` names. */
export function fullDigest(reference: string, digest: Reference['digest'] & string): string {
  const { registry, repository } = parseReference(reference);
  return fullName({ registry, repository, digest });
}

/** `repository:tag` for a repository's name as the user gave it. */
export function fullTag(repository: string, tag: string): string {
  const parsed = parseRepository(repository);
  return fullName({ registry: parsed.registry, repository: parsed.repository, tag });
}

/** `registry/repository` for a registry's name as the user gave it. */
export function fullRepository(registry: string, repository: string): string {
  return fullName({ registry: parseRegistry(registry).registry, repository });
}
