import { isGantryError, ResponseError } from '../errors.ts';
import { createMutex, type Mutex, strictMutex } from '../flow/mutex.ts';
import type { LateOptions } from '../flow/semaphore.ts';
import type { Repository, Upload } from '../store/contract.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { SessionOperation } from '../wire/operation.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { createKeyedCount } from './shares.ts';
import type { WatchedBody } from './watched-body.ts';

/** One step of a session, as it came in. */
export interface SessionRequest {
  readonly repository: Repository;
  readonly operation: Pick<SessionOperation, 'id' | 'kind'>;
  readonly request: HttpRequest;
  readonly body: WatchedBody | undefined;
  readonly owner: UploadOwner;
}

/** Whose uploads are counted together; `undefined` where nobody can be told from others. */
export type UploadOwner = string | undefined;

/** The upload sessions of a registry: how many there are, and who is at work on which. */
export interface Sessions {
  /** How many are open, as far as this process has heard of them. */
  readonly count: () => number;
  /**
   * Begins one. Throws TOOMANYREQUESTS when too many are open, or the holder has as many as are left: one alone gets half of
   * them, so whoever comes next finds a place.
   */
  begin(repository: Repository, start: () => Promise<Upload>, owner?: UploadOwner): Promise<Upload>;
  /** What `begin` began is over: committed, or forgotten by the store. */
  readonly end: (repository: Repository, id: string) => void;
  /**
   * Runs `work` on the session, after what others do with it: a client that was cut off asks where its upload stands while
   * the bytes that it did send are still being stored, and so depends the next chunk on them. Who holds the session and
   * sends nothing is cut when another one waits; a question for the status is answered after as long in any case. A request
   * that waits leaves with its own signal, and with TIMED_OUT when the one before it has not moved for 15 minutes.
   */
  step(step: SessionRequest, work: (upload: Upload) => Promise<HttpResponse>): Promise<HttpResponse>;
}

interface Session {
  readonly repository: Repository;
  readonly id: string;
  readonly owner: UploadOwner;
  readonly mutex: Mutex;
  /** Requests that are at work on it or wait for their turn. */
  users: number;
  /** When its last bytes came, by a clock that nobody sets: a question now and then does not keep a place. */
  touched: number;
  /** What the request whose turn it is works with. */
  upload?: Upload | undefined;
  body?: WatchedBody | undefined;
  /** Told that it gets on. */
  moved?: (() => void) | undefined;
}

type Work = (upload: Upload) => Promise<HttpResponse>;
export type SessionLimits = Pick<Limits, 'sessions' | 'repositorySessions' | 'sessionIdle' | 'patience'>;

export function createSessions(limits: SessionLimits = defaultLimits, late?: LateOptions): Sessions {
  const book = createBook(strictMutex('the upload session', late));
  const expire = (): void => {
    const limit = performance.now() - limits.sessionIdle;
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
    async begin(repository, start, owner) {
      expire();
      const full = book.countOf(repository.name) >= limits.repositorySessions;
      if (full || book.countOwned(owner) >= limits.sessions - book.count()) {
        throw new ResponseError('TOOMANYREQUESTS', 'too many uploads are open; try again later');
      }
      // Those that are being started have their place already.
      const giveBack = book.reserve(repository.name, owner);
      try {
        const upload = await start();
        book.open(repository, upload.id, owner);
        return upload;
      } finally {
        giveBack();
      }
    },
    async step(step, work) {
      const { repository, operation, owner, request } = step;
      const session = book.open(repository, operation.id, owner);
      const waits = session.users > 0;
      session.users++;
      const leave = new AbortController();
      const signal =
        request.signal === undefined ? leave.signal : AbortSignal.any([request.signal, leave.signal]);
      const turn = session
        .mutex((moved) => use(session, step, work, { book, moved }), { signal })
        .finally(() => session.users--);
      if (!waits) return turn;
      try {
        return await wait(
          session,
          turn,
          operation.kind === 'upload.status' ? work : undefined,
          limits.patience,
        );
      } finally {
        // Answered early, it needs no turn any more.
        leave.abort();
      }
    },
  };
}

interface Turn {
  readonly book: Book;
  readonly moved: () => void;
}

async function use(
  session: Session,
  { repository, operation: { kind, id }, request: { signal }, body }: SessionRequest,
  work: Work,
  { book, moved }: Turn,
): Promise<HttpResponse> {
  const end = (): void => book.remove(repository, id);
  let before = 0;
  try {
    session.body = body;
    session.moved = moved;
    session.upload = await repository.blobs.resume(id, { signal });
    before = session.upload.offset;
    const response = await work(session.upload);
    if (kind === 'upload.cancel' || (kind === 'upload.commit' && response.status === 201)) end();
    return response;
  } catch (error) {
    const gone = isGantryError(error, 'BLOB_UPLOAD_UNKNOWN');
    if (gone || (kind === 'upload.commit' && !(await isOpen(repository, id)))) end();
    throw error;
  } finally {
    if ((session.upload?.offset ?? 0) > before) book.touch(session);
    session.upload = undefined;
    session.body = undefined;
    session.moved = undefined;
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
  let seen: number | undefined;
  const over = new Promise<HttpResponse>((resolve, reject) => {
    timer = setInterval(() => {
      const { upload, body, moved } = session;
      if (upload?.offset !== seen) moved?.();
      seen = upload?.offset;
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

/** The sessions that are open, counted by repository and by holder. */
interface Book {
  readonly count: () => number;
  readonly countOf: (name: string) => number;
  readonly countOwned: (owner: UploadOwner) => number;
  /** Takes a place for a session that has no id yet; what is returned gives it back. */
  readonly reserve: (name: string, owner: UploadOwner) => () => void;
  /** The session, which may be one of before a restart. */
  readonly open: (repository: Repository, id: string, owner: UploadOwner) => Session;
  readonly touch: (session: Session) => void;
  readonly remove: (repository: Repository, id: string) => void;
  readonly oldestFirst: () => Iterable<Session>;
}

function createBook(late: LateOptions): Book {
  // The one whose bytes came longest ago comes first.
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
      const touched = performance.now();
      const session = { repository, id, owner, mutex: createMutex(late), users: 0, touched };
      add(repository.name, owner, 1);
      open.set(key, session);
      return session;
    },
    touch(session) {
      const key = keyOf(session.repository, session.id);
      if (open.get(key) !== session) return;
      session.touched = performance.now();
      open.delete(key);
      open.set(key, session);
    },
    remove(repository, id) {
      const key = keyOf(repository, id);
      const session = open.get(key);
      if (session === undefined) return;
      open.delete(key);
      add(repository.name, session.owner, -1);
    },
    oldestFirst: () => open.values(),
  };
}

function keyOf({ name }: Repository, id: string): string {
  return `${name} ${id}`;
}
