/** The name of Docker Hub in references. */
export const dockerHub = 'docker.io';

/** The host of Docker Hub's API. */
export const dockerHubHost = 'registry-1.docker.io';

const aliases: ReadonlySet<string> = new Set(['index.docker.io', dockerHubHost]);

/** Returns `docker.io` for every name of Docker Hub, and any other host unchanged. `host` is in lower case. */
export function withoutHubAlias(host: string): string {
  return aliases.has(host) ? dockerHub : host;
}
