import { createTurns, type Turns } from '../store/turns.ts';

/** Runs what is done with one upload session one after the other. */
export type Sessions = <T>(session: string, step: () => Promise<T>) => Promise<T>;

/**
 * A client that was cut off asks where its upload stands while the bytes that it did send are still being stored: the answer
 * must wait for them, and so must the next chunk, whose place depends on it.
 */
export function createSessions(): Sessions {
  const busy = new Map<string, { readonly turns: Turns; users: number }>();
  return async (session, step) => {
    const entry = busy.get(session) ?? { turns: createTurns(), users: 0 };
    busy.set(session, entry);
    entry.users++;
    try {
      return await entry.turns(step);
    } finally {
      entry.users--;
      if (entry.users === 0) busy.delete(session);
    }
  };
}
