/** The right to list every repository of a registry. */
export const catalogScope = 'registry:catalog:*';

/** The actions that registries and token services know, in docker's order. */
const actionOrder = ['pull', 'push', 'delete', '*'];

/**
 * Formats the scope of a request on a repository, e.g. `repository:acme/app:pull,push`.
 * @see https://distribution.github.io/distribution/spec/auth/scope/
 */
export function repositoryScope(repository: string, actions: readonly string[]): string {
  return formatScope('repository', repository, actions);
}

/**
 * Merges scopes into the fewest with the same meaning: joins the actions of one resource, lets `*` replace all others
 * and removes duplicates. Scopes with push come first, since some token services read only the first scope. Keeps a
 * text that is no resource scope (`aws` of ECR Public, `*` of Forgejo).
 */
export function mergeScopes(scopes: Iterable<string>): readonly string[] {
  const merged = new Map<string, { type: string; name: string; actions: Set<string> } | undefined>();
  for (const scope of scopes) {
    // A name may contain the colon of a port: the type ends at the first colon and the actions begin after the last.
    const first = scope.indexOf(':');
    const last = scope.lastIndexOf(':');
    if (first <= 0 || last === first) {
      merged.set(scope, undefined);
      continue;
    }
    const resource = scope.slice(0, last);
    const entry = merged.get(resource) ?? {
      type: scope.slice(0, first),
      name: scope.slice(first + 1, last),
      actions: new Set<string>(),
    };
    for (const action of scope.slice(last + 1).split(',')) if (action !== '') entry.actions.add(action);
    merged.set(resource, entry);
  }
  const texts = Array.from(merged, ([text, entry]) => ({
    text: entry === undefined ? text : formatScope(entry.type, entry.name, entry.actions),
    pushes: entry !== undefined && (entry.actions.has('push') || entry.actions.has('*')) ? 0 : 1,
  }));
  return texts.sort((a, b) => a.pushes - b.pushes).map(({ text }) => text);
}

function formatScope(type: string, name: string, actions: Iterable<string>): string {
  const all = new Set(actions);
  const kept = all.has('*') ? ['*'] : [...all].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return `${type}:${name}:${kept.join(',')}`;
}

function rank(action: string): number {
  const at = actionOrder.indexOf(action);
  return at < 0 ? actionOrder.length : at;
}

/** Returns the repository of a request, from its first scope that names one: the other scopes are mount sources. */
export function scopedRepository(scopes: readonly string[] = []): string | undefined {
  for (const scope of scopes) {
    const name = /^repository:(.+):[^:]*$/.exec(scope)?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}
