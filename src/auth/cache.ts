import { type SharedWork, shareWork } from '../flow/shared-work.ts';
import type { Clock } from '../time/clock.ts';
import type { Token } from './token.ts';

/** A token. `fresh` is false for a token that was cached before the request. */
export interface CachedToken {
  readonly token: Token;
  readonly fresh: boolean;
}

export interface TokenQuestion {
  /** The owner of the token: origin, realm, service and identity as one string. A token never serves another owner. */
  readonly holder: string;
  readonly scopes: readonly string[];
  /** Whether the request takes long, so that a token near its end does not suffice. */
  readonly lasting: boolean;
  readonly signal: AbortSignal | undefined;
  /** Fetches a token. Its signal aborts when no caller waits for the token any more. */
  readonly fetch: (signal: AbortSignal) => Promise<Token>;
}

export interface TokenCache {
  /**
   * Resolves with a cached token for at least these scopes, or with a new one. Concurrent callers share one fetch.
   * Rejects like `fetch`, or with the signal's reason.
   */
  get(question: TokenQuestion): Promise<CachedToken>;
  /** Removes a token that a registry has refused. */
  drop(value: string): void;
}

interface Entry {
  readonly grants: ReadonlySet<string>;
  readonly fetched: SharedWork<Token>;
  readonly started: number;
  /** Set once the token has been fetched. */
  token?: Token;
}

/** A token is renewed before the last 15 % of its life, because a request that begins with it may take a while. */
const renewalPart = 0.15;
/**
 * For a long upload, a token is renewed after half of its life: some registries check it again when the last byte has
 * arrived. This at most doubles the token requests.
 */
const lastingPart = 0.5;

export function createTokenCache(clock: Clock): TokenCache {
  const holders = new Map<string, Set<Entry>>();

  const begin = (entries: Set<Entry>, { scopes, fetch }: TokenQuestion): Entry => {
    const grants = grantsOf(scopes);
    const entry: Entry = {
      grants,
      started: clock.now(),
      fetched: shareWork(async (signal) => {
        try {
          const token = await fetch(signal);
          entry.token = token;
          return token;
        } catch (error) {
          entries.delete(entry);
          throw error;
        }
      }),
    };
    for (const old of entries) if (covers(grants, old.grants)) entries.delete(old);
    entries.add(entry);
    return entry;
  };
  const isDue = ({ started, token }: Entry, part: number): boolean =>
    token !== undefined && token.expires - (token.expires - started) * part <= clock.now();

  return {
    async get(question) {
      const { holder, scopes, lasting, signal } = question;
      signal?.throwIfAborted();
      const entries = holders.get(holder) ?? new Set();
      holders.set(holder, entries);
      for (const entry of entries) {
        if (entry.fetched.isAbandoned() || isDue(entry, renewalPart)) entries.delete(entry);
      }

      const wanted = grantsOf(scopes);
      const kept = [...entries].find(
        (entry) => covers(entry.grants, wanted) && !(lasting && isDue(entry, lastingPart)),
      );
      if (kept?.token !== undefined) return { token: kept.token, fresh: false };
      const entry = kept ?? begin(entries, question);
      return { token: await entry.fetched.wait(signal), fresh: true };
    },
    drop(value) {
      for (const entries of holders.values()) {
        for (const entry of entries) if (entry.token?.value === value) entries.delete(entry);
      }
    },
  };
}

/** Splits the scopes into one grant for each action of each resource. A scope that is no resource scope stays whole. */
function grantsOf(scopes: readonly string[]): ReadonlySet<string> {
  return new Set(
    scopes.flatMap((scope) => {
      const last = scope.lastIndexOf(':');
      const resource = scope.slice(0, last + 1);
      return scope
        .slice(last + 1)
        .split(',')
        .map((action) => resource + action);
    }),
  );
}

function covers(grants: ReadonlySet<string>, wanted: ReadonlySet<string>): boolean {
  return [...wanted].every(
    (grant) => grants.has(grant) || grants.has(`${grant.slice(0, grant.lastIndexOf(':') + 1)}*`),
  );
}
