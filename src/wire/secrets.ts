/**
 * The secrets of one line of requests, which no log, error or event may show: passwords, tokens, headers of the user. A
 * server that has received one may repeat it in any later answer, also to another request.
 */
export interface Secrets {
  /** The secrets so far. Later ones appear in it. */
  readonly all: readonly string[];
  /** Call this before the request with these values goes out. */
  add(values: readonly string[]): void;
}

/** Maximum number of secrets besides the kept ones: a credential and the tokens of some hours of a server. */
const maxRemembered = 100;

/** Creates the list. It never forgets `kept`, and of the others the least recently used ones first. */
export function createSecrets(kept: readonly string[] = []): Secrets {
  const all = [...kept];
  return {
    all,
    add(values) {
      for (const value of values) {
        const at = all.indexOf(value, kept.length);
        if (at !== -1) all.splice(at, 1);
        all.push(value);
      }
      all.splice(kept.length, Math.max(0, all.length - kept.length - maxRemembered));
    },
  };
}
