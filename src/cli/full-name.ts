import {
  formatReference,
  parseReference,
  parseRegistry,
  parseRepository,
  type Reference,
} from '../spec/reference.ts';

/**
 * Formats references as crane prints them for scripts to parse: Docker Hub is `index.docker.io` there. Everywhere else
 * in gantry it is `docker.io`; gantry reads both.
 */
function fullName(reference: Omit<Reference, 'scheme'>): string {
  return formatReference(reference).replace(/^docker\.io\//, 'index.docker.io/');
}

/** Formats `repository@digest` for the repository in `reference`. */
export function fullDigest(reference: string, digest: Reference['digest'] & string): string {
  const { registry, repository } = parseReference(reference);
  return fullName({ registry, repository, digest });
}

/** Formats `repository:tag` for a repository name from the user. */
export function fullTag(repository: string, tag: string): string {
  const parsed = parseRepository(repository);
  return fullName({ registry: parsed.registry, repository: parsed.repository, tag });
}

/** Formats `registry/repository` for a registry name from the user. */
export function fullRepository(registry: string, repository: string): string {
  return fullName({ registry: parseRegistry(registry).registry, repository });
}
