import { unlessAborted } from '../flow/abort.ts';
import type { Clock } from '../http/clock.ts';
import type { Token } from './token.ts';

/** A token, and whether it was got for this very question rather than kept from before. */
export interface CachedToken {
  readonly token: Token;
  readonly fresh: boolean;
}

export interface TokenQuestion {
  /** Whose token and where from: origin, realm, service and identity. Tokens never serve another holder. */
  readonly holder: string;
  readonly scopes: readonly string[];
  readonly signal: AbortSignal | undefined;
  /** Gets a token; its signal aborts when nobody waits for it any more. */
  readonly fetch: (signal: AbortSignal) => Promise<Token>;
}

export interface TokenCache {
  /**
   * A kept token for these scopes or more, or a new one, fetched once however many ask for it.
   * Rejects as `fetch` does, and with the signal's reason.
   */
  get(question: TokenQuestion): Promise<CachedToken>;
  /** Forgets a token that a registry has refused. */
  drop(value: string): void;
}

interface Entry {
  readonly grants: ReadonlySet<string>;
  readonly pending: Promise<Token>;
  readonly abort: AbortController;
  /** Set when it has come. */
  token?: Token;
  /** Infinite until it has come. */
  renewAt: number;
  waiters: number;
}

/** The part of a token's life before whose end it is renewed: what begins with it may take a while. */
const renewalPart = 0.15;

export function createTokenCache(clock: Clock): TokenCache {
  const holders = new Map<string, Set<Entry>>();

  const begin = (entries: Set<Entry>, { scopes, fetch }: TokenQuestion): Entry => {
    const abort = new AbortController();
    const started = clock.now();
    const entry: Entry = {
      grants: grantsOf(scopes),
      abort,
      renewAt: Number.POSITIVE_INFINITY,
      waiters: 0,
      pending: fetch(abort.signal).then(
        (token) => {
          entry.token = token;
          entry.renewAt = token.expires - (token.expires - started) * renewalPart;
          return token;
        },
        (error: unknown) => {
          entries.delete(entry);
          throw error;
        },
      ),
    };
    entries.add(entry);
    return entry;
  };

  return {
    async get(question) {
      const { holder, scopes, signal } = question;
      signal?.throwIfAborted();
      const entries = holders.get(holder) ?? new Set();
      holders.set(holder, entries);
      for (const entry of entries) if (entry.renewAt <= clock.now()) entries.delete(entry);

      const wanted = grantsOf(scopes);
      const kept = [...entries].find(({ grants }) => covers(grants, wanted));
      if (kept?.token !== undefined) return { token: kept.token, fresh: false };
      const entry = kept ?? begin(entries, question);
      entry.waiters++;
      try {
        return { token: await unlessAborted(entry.pending, signal), fresh: true };
      } finally {
        entry.waiters--;
        if (entry.waiters === 0 && entry.token === undefined) {
          entries.delete(entry);
          entry.abort.abort();
        }
      }
    },
    drop(value) {
      for (const entries of holders.values()) {
        for (const entry of entries) if (entry.token?.value === value) entries.delete(entry);
      }
    },
  };
}

/** One grant for each action of each resource; what is no resource scope stands for itself. */
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
