import { createMutex, type Mutex } from '../flow/mutex.ts';
import type { LateOptions } from '../flow/semaphore.ts';
import type { Repository } from '../store/contract.ts';
import type { Upload } from '../store/upload.ts';
import type { Clock } from '../time/clock.ts';
import { createKeyedCount } from './shares.ts';
import type { WatchedBody } from './watched-body.ts';

/** The owner that uploads are counted for; `undefined` when clients cannot be told apart. */
export type UploadOwner = string | undefined;

/** One open session, as this process knows it. */
export interface Session {
  readonly repository: Repository;
  readonly id: string;
  readonly owner: UploadOwner;
  readonly mutex: Mutex;
  /** Set until the first request uses the session: no longer waits for the client to leave. */
  known?: (() => void) | undefined;
  /** The number of requests that use the session or wait for it. */
  users: number;
  /** The time of the last received bytes, by a monotonic clock. A status request does not extend it. */
  touched: number;
  /** The state of the request that currently uses the session. */
  upload?: Upload | undefined;
  body?: WatchedBody | undefined;
  /** Reports progress of that request. */
  moved?: (() => void) | undefined;
}

/** The open sessions, counted by repository and by owner. */
export interface SessionBook {
  readonly count: () => number;
  readonly countOf: (name: string) => number;
  readonly countOwned: (owner: UploadOwner) => number;
  /** Reserves a place for a session without an id. The returned function releases it. */
  readonly reserve: (name: string, owner: UploadOwner) => () => void;
  /** Returns the session, which may have been opened before a restart. */
  readonly open: (repository: Repository, id: string, owner: UploadOwner) => Session;
  readonly touch: (session: Session) => void;
  readonly remove: (repository: Repository, id: string) => void;
  readonly oldestFirst: () => Iterable<Session>;
}

export function createSessionBook(late: LateOptions, clock: Clock): SessionBook {
  // Sorted by the last received bytes, the oldest first.
  const open = new Map<string, Session>();
  const [places, owners] = [createKeyedCount(), createKeyedCount()];
  const add = (name: string, owner: UploadOwner, change: 1 | -1): void => {
    places.add(name, change);
    owners.add(owner, change);
  };
  return {
    count: places.count,
    countOf: places.of,
    countOwned: owners.of,
    reserve(name, owner) {
      add(name, owner, 1);
      return () => add(name, owner, -1);
    },
    open(repository, id, owner) {
      const key = keyOf(repository, id);
      const known = open.get(key);
      if (known !== undefined) return known;
      const touched = clock.now();
      const session = { repository, id, owner, mutex: createMutex(late), users: 0, touched };
      add(repository.name, owner, 1);
      open.set(key, session);
      return session;
    },
    touch(session) {
      const key = keyOf(session.repository, session.id);
      if (open.get(key) !== session) return;
      session.touched = clock.now();
      open.delete(key);
      open.set(key, session);
    },
    remove(repository, id) {
      const key = keyOf(repository, id);
      const session = open.get(key);
      if (session === undefined) return;
      session.known?.();
      open.delete(key);
      add(repository.name, session.owner, -1);
    },
    oldestFirst: () => open.values(),
  };
}

function keyOf({ name }: Repository, id: string): string {
  return `${name} ${id}`;
}
