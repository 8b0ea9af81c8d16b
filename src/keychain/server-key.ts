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
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/]*)(.*?)\/*$/i.exec(key) ?? [];
  const name = host.toLowerCase();
  return `${hubNames.has(name) ? 'docker.io' : name}${/^\/v[12]$/.test(path) ? '' : path}`;
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
