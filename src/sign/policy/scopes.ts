import { formatReference, type Reference } from '../../spec/reference.ts';
import type { PolicyDocument, PolicyRequirement } from './policy-file.ts';

/** The image that a policy is asked about: one in a registry, or one in another place. */
export type PolicyImage = RegistryImage | PathImage;

/** An image in a registry. */
export interface RegistryImage {
  /** The word of containers for a registry. */
  readonly transport: 'docker';
  /** The full name of the image. */
  readonly reference: Reference;
}

/** An image in another place. */
export interface PathImage {
  /** The word of containers for the kind of place, such as `oci`. */
  readonly transport: string;
  /** The path, and after a colon the name of the image in it. */
  readonly path: string;
  /** Never there, since the image has no full name. */
  readonly reference?: undefined;
}

/** Returns the demands of the most specific scope that covers the image. Only these count. */
export function requirementsFor(policy: PolicyDocument, image: PolicyImage): readonly PolicyRequirement[] {
  const scopes = policy.transports.get(image.transport);
  if (scopes === undefined) return policy.fallback;
  const names = image.reference === undefined ? pathScopes(image.path) : nameScopes(image.reference);
  for (const name of [...names, '']) {
    const found = scopes.get(name);
    if (found !== undefined) return found;
  }
  return policy.fallback;
}

/** The full name, each namespace above it, the host, and then the domains above the host as `*.domain`. */
function nameScopes(reference: Reference): readonly string[] {
  const { registry, repository } = reference;
  const parts = repository.split('/');
  const namespaces = parts.map((_, at) => [registry, ...parts.slice(0, parts.length - at)].join('/'));
  const labels = registry.replace(/:\d+$/, '').split('.');
  const port = /:\d+$/.exec(registry)?.[0] ?? '';
  const domains = labels.slice(1).map((_, at) => `*.${labels.slice(at + 1).join('.')}${port}`);
  return [formatReference(reference), ...namespaces, registry, ...domains];
}

/** The path with and without a name, and each folder above it. */
function pathScopes(path: string): readonly string[] {
  const plain = path.replace(/:[^/:]*$/, '');
  const folders = plain.split('/').map((_, at, all) => all.slice(0, all.length - at).join('/'));
  return [path, ...folders.filter((folder) => folder !== '')];
}
