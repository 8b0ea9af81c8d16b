/** The key that docker and its helpers know Docker Hub by. */
const hubKey = 'https://index.docker.io/v1/';
const hubNames: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** What a helper is asked for, and a config file's entry is written under. */
export function serverKey(registry: string): string {
  return registry === 'docker.io' ? hubKey : registry;
}

/**
 * The one spelling of a config file's key: `host[:port]`, with a path where it is a namespace rather than the API's
 * version. `https://index.docker.io/v1/` is `docker.io`, `https://ghcr.io/v2/` is `ghcr.io`.
 */
export function canonicalKey(key: string): string {
  const bare = key.replace(/^https?:\/\//i, '');
  let end = bare.length;
  while (bare[end - 1] === '/') end--;
  const slash = bare.slice(0, end).indexOf('/');
  const host = bare.slice(0, slash < 0 ? end : slash);
  const path = slash < 0 ? '' : bare.slice(slash, end);
  const name = host.toLowerCase();
  return `${hubNames.has(name) ? 'docker.io' : name}${/^\/v[12]$/.test(path) ? '' : path}`;
}

/** Whether a key names a server that is spoken to without TLS. */
export function isPlainKey(key: string): boolean {
  return /^http:\/\//i.test(key);
}

/** The canonical keys that a repository's credential may stand under, the most specific first. */
export function candidateKeys(registry: string, repository?: string): readonly string[] {
  const keys = [canonicalKey(registry)];
  let key = canonicalKey(registry);
  for (const component of repository?.split('/') ?? []) {
    key += `/${component}`;
    keys.unshift(key);
  }
  return keys;
}
