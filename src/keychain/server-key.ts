import { dockerHub, withoutHubAlias } from '../spec/docker-hub.ts';

/** The key of Docker Hub in docker's files and helpers. */
const hubKey = 'https://index.docker.io/v1/';

/** Returns the key under which a helper or a file stores the credential of a registry. */
export function serverKey(registry: string): string {
  return registry === dockerHub ? hubKey : registry;
}

/**
 * Returns the canonical form of a key: `host[:port]`, with a path if it is a namespace and not the version of the API.
 * `https://index.docker.io/v1/` becomes `docker.io`, `https://ghcr.io/v2/` becomes `ghcr.io`.
 */
export function canonicalKey(key: string): string {
  const bare = key.replace(/^https?:\/\//i, '');
  let end = bare.length;
  while (bare[end - 1] === '/') end--;
  const slash = bare.slice(0, end).indexOf('/');
  const host = bare.slice(0, slash < 0 ? end : slash);
  const path = slash < 0 ? '' : bare.slice(slash, end);
  const name = host.toLowerCase();
  return `${withoutHubAlias(name)}${/^\/v[12]$/.test(path) ? '' : path}`;
}

/** Returns whether a key stands for a server without TLS. */
export function isPlainKey(key: string): boolean {
  return /^http:\/\//i.test(key);
}

/** Returns the canonical keys that can hold the credential of a repository, the most specific first. */
export function candidateKeys(registry: string, repository?: string): readonly string[] {
  const keys = [canonicalKey(registry)];
  let key = canonicalKey(registry);
  for (const component of repository?.split('/') ?? []) {
    key += `/${component}`;
    keys.unshift(key);
  }
  return keys;
}
