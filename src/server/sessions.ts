import { isGantryError, ResponseError } from '../errors.ts';
import type { Repository, Upload } from '../store/contract.ts';
import { createTurns, type Turns } from '../store/turns.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { SessionOperation } from '../wire/operation.ts';
import { defaultLimits, type Limits } from './limits.ts';
import type { WatchedBody } from './watched-body.ts';

/** One step of a session, as it came in. */
export interface SessionRequest {
  readonly repository: Repository;
  readonly operation: Pick<SessionOperation, 'id' | 'kind'>;
  readonly request: HttpRequest;
  readonly body: WatchedBody | undefined;
}

/** The upload sessions of a registry: how many there are, and who is at work on which. */
export interface Sessions {
  /** How many are open, as far as this process has heard of them. */
  readonly count: () => number;
  /** Begins one. Throws TOOMANYREQUESTS when too many are open. */
  begin(repository: Repository, start: () => Promise<Upload>): Promise<Upload>;
  /** What `begin` began is over: committed, or forgotten by the store. */
  readonly end: (repository: Repository, id: string) => void;
  /**
   * Runs `work` on the session, after what others do with it: a client that was cut off asks where its upload stands while
   * the bytes that it did send are still being stored, and so depends the next chunk on them. Who holds the session and
   * sends nothing is cut when another one waits; a question for the status is answered after as long in any case.
   */
  step(step: SessionRequest, work: (upload: Upload) => Promise<HttpResponse>): Promise<HttpResponse>;
}

interface Session {
  readonly repository: Repository;
  readonly id: string;
  readonly turns: Turns;
  /** Requests that are at work on it or wait for their turn. */
  users: number;
  touched: number;
  /** What the request whose turn it is works with. */
  upload?: Upload | undefined;
  body?: WatchedBody | undefined;
}

type Work = (upload: Upload) => Promise<HttpResponse>;
export type SessionLimits = Pick<Limits, 'sessions' | 'repositorySessions' | 'sessionIdle' | 'patience'>;

export function createSessions(limits: SessionLimits = defaultLimits): Sessions {
  const book = createBook();
  const expire = (): void => {
    const limit = Date.now() - limits.sessionIdle;
    for (const { repository, id, users, touched } of book.oldestFirst()) {
      if (touched > limit) return;
      if (users > 0) continue;
      book.remove(repository, id);
      // Where that fails the store has its own way to sweep.
      cancel(repository, id).catch(() => undefined);
    }
  };
  return {
    count: book.count,
    end: book.remove,
    async begin(repository, start) {
      expire();
      const full = book.countOf(repository.name) >= limits.repositorySessions;
      if (full || book.count() >= limits.sessions) {
        throw new ResponseError('TOOMANYREQUESTS', 'too many uploads are open; try again later');
      }
      // Those that are being started have their place already.
      const giveBack = book.reserve(repository.name);
      try {
        const upload = await start();
        book.touch(repository, upload.id);
        return upload;
      } finally {
        giveBack();
      }
    },
    async step(step, work) {
      const { repository, operation } = step;
      const session = book.touch(repository, operation.id);
      const waits = session.users > 0;
      session.users++;
      const turn = session.turns(() => use(session, step, work, () => book.remove(repository, operation.id)));
      if (!waits) return turn;
      return wait(session, turn, operation.kind === 'upload.status' ? work : undefined, limits.patience);
    },
  };
}

async function use(
  session: Session,
  { repository, operation: { kind, id }, request: { signal }, body }: SessionRequest,
  work: Work,
  end: () => void,
): Promise<HttpResponse> {
  try {
    session.body = body;
    session.upload = await repository.blobs.resume(id, { signal });
    const response = await work(session.upload);
    if (kind === 'upload.cancel' || (kind === 'upload.commit' && response.status === 201)) end();
    return response;
  } catch (error) {
    const gone = isGantryError(error, 'BLOB_UPLOAD_UNKNOWN');
    if (gone || (kind === 'upload.commit' && !(await isOpen(repository, id)))) end();
    throw error;
  } finally {
    session.users--;
    session.touched = Date.now();
    session.upload = undefined;
    session.body = undefined;
  }
}

/** The outcome of `turn`, which others are before; what `early` makes of the session when that takes too long. */
async function wait(
  session: Session,
  turn: Promise<HttpResponse>,
  early: Work | undefined,
  patience: number,
): Promise<HttpResponse> {
  let timer: ReturnType<typeof setInterval> | undefined;
  const over = new Promise<HttpResponse>((resolve, reject) => {
    timer = setInterval(() => {
      const { upload, body } = session;
      // After a cut the turn comes at once.
      if (body?.cutAfter(patience) === true || early === undefined || upload === undefined) return;
      early(upload).then(resolve, reject);
    }, patience);
  });
  try {
    return await Promise.race([turn, over]);
  } finally {
    clearInterval(timer);
  }
}

/** A commit that failed may have left the session as it was or closed it: only the store knows. */
async function isOpen({ blobs }: Repository, id: string): Promise<boolean> {
  return blobs.resume(id).then(
    () => true,
    () => false,
  );
}

async function cancel({ blobs }: Repository, id: string): Promise<void> {
  await (await blobs.resume(id)).cancel();
}

/** The sessions that are open, counted by repository. */
interface Book {
  readonly count: () => number;
  readonly countOf: (name: string) => number;
  /** Takes a place for a session that has no id yet; what is returned gives it back. */
  readonly reserve: (name: string) => () => void;
  readonly touch: (repository: Repository, id: string) => Session;
  readonly remove: (repository: Repository, id: string) => void;
  readonly oldestFirst: () => Iterable<Session>;
}

function createBook(): Book {
  // The one that was used longest ago comes first.
  const open = new Map<string, Session>();
  const places = new Map<string, number>();
  let count = 0;
  const add = (name: string, change: 1 | -1): void => {
    const sum = (places.get(name) ?? 0) + change;
    if (sum === 0) places.delete(name);
    else places.set(name, sum);
    count += change;
  };
  return {
    count: () => count,
    countOf: (name) => places.get(name) ?? 0,
    reserve(name) {
      add(name, 1);
      return () => add(name, -1);
    },
    touch(repository, id) {
      const key = keyOf(repository, id);
      const known = open.get(key);
      if (known === undefined) add(repository.name, 1);
      const session = known ?? { repository, id, turns: createTurns(), users: 0, touched: 0 };
      session.touched = Date.now();
      open.delete(key);
      open.set(key, session);
      return session;
    },
    remove(repository, id) {
      if (open.delete(keyOf(repository, id))) add(repository.name, -1);
    },
    oldestFirst: () => open.values(),
  };
}

function keyOf({ name }: Repository, id: string): string {
  return `${name} ${id}`;
}
