import { type Shared, share } from '../flow/share.ts';
import type { Clock } from '../time/clock.ts';
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
  /** Whether the request takes long, so that a token near its end won't do. */
  readonly lasting: boolean;
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
  readonly fetched: Shared<Token>;
  readonly started: number;
  /** Set when it has come. */
  token?: Token;
}

/** The part of a token's life before whose end it is renewed: what begins with it may take a while. */
const renewalPart = 0.15;
/** For a long upload: some registries look at the token again when the last byte has come. At most twice the token requests. */
const lastingPart = 0.5;

export function createTokenCache(clock: Clock): TokenCache {
  const holders = new Map<string, Set<Entry>>();

  const begin = (entries: Set<Entry>, { scopes, fetch }: TokenQuestion): Entry => {
    const grants = grantsOf(scopes);
    const entry: Entry = {
      grants,
      started: clock.now(),
      fetched: share(async (signal) => {
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
