import { isGantryError, ResponseError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import { strictMutex } from '../flow/mutex.ts';
import type { LateOptions } from '../flow/semaphore.ts';
import { checkOptions } from '../spec/options.ts';
import type { Repository } from '../store/contract.ts';
import type { Upload } from '../store/upload.ts';
import { type Clock, steadyClock } from '../time/clock.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { SessionOperation } from '../wire/operation.ts';
import { defaultLimits, type Limits, limitsShape } from './limits.ts';
import { createSessionBook, type Session, type SessionBook, type UploadOwner } from './session-book.ts';
import { createSessionExpiry } from './session-expiry.ts';
import type { WatchedBody } from './watched-body.ts';

/** One request to an upload session. */
export interface SessionRequest {
  /** The repository of the session. */
  readonly repository: Repository;
  /** The step of the session, and its id. */
  readonly operation: Pick<SessionOperation, 'id' | 'kind'>;
  /** The request itself. */
  readonly request: HttpRequest;
  /** The body of the request; undefined for a request without one. */
  readonly body: WatchedBody | undefined;
  /** The owner that the session counts for. */
  readonly owner: UploadOwner;
}

/** Settings for the start of an upload session. */
export interface BeginOptions {
  /** The owner that the session counts for. */
  readonly owner?: UploadOwner | undefined;
  /**
   * Aborts when the client leaves before it has the answer. No client can know the address of the session then, so the
   * session is cancelled, unless a request has used it.
   */
  readonly unanswered?: AbortSignal | undefined;
}

/** The upload sessions of a registry and the requests that use them. */
export interface Sessions {
  /** The number of open sessions that this process knows. */
  readonly count: () => number;
  /**
   * Starts a session. Throws TOOMANYREQUESTS when too many are open, or when the owner has as many as are left: one
   * owner alone gets at most half of them, so the next one still finds a place.
   */
  begin(repository: Repository, start: () => Promise<Upload>, options?: BeginOptions): Promise<Upload>;
  /** Stops the timer that ends idle sessions. Call it when the registry ends. */
  readonly close: () => void;
  /** Removes a session that was committed, or that the store no longer has. */
  readonly end: (repository: Repository, id: string) => void;
  /**
   * Runs `work` on the session, after the earlier requests to it. A client that lost its connection asks for the offset
   * while its bytes are still being stored, and the next chunk depends on them. A request that sends nothing is ended
   * when another one waits; a request for the status is then answered after the same time in any case. A waiting
   * request ends with its own signal, and with TIMED_OUT when the request before it has not moved for 15 minutes.
   */
  step(step: SessionRequest, work: (upload: Upload) => Promise<HttpResponse>): Promise<HttpResponse>;
}

type Work = (upload: Upload) => Promise<HttpResponse>;

/** The limits of upload sessions. */
export type SessionLimits = Pick<Limits, 'sessions' | 'repositorySessions' | 'sessionIdle' | 'patience'>;

/**
 * Creates a counter of upload sessions. `limits` may have all members of `Limits`.
 * @throws INVALID_OPTION
 */
export function createSessions(limits: SessionLimits = defaultLimits): Sessions {
  const needed = ['sessions', 'repositorySessions', 'sessionIdle', 'patience'] as const;
  checkOptions<Limits>('createSessions', limits, limitsShape, needed);
  return openSessions(limits);
}

/**
 * As `createSessions`. `late` limits how long a request waits behind another one, and `clock` measures idle sessions.
 */
export function openSessions(
  limits: SessionLimits,
  late: LateOptions = {},
  clock: Clock = steadyClock,
): Sessions {
  const book = createSessionBook(strictMutex('the upload session', late), clock);
  const expiry = createSessionExpiry(book, limits.sessionIdle, clock);
  return {
    count: book.count,
    end: book.remove,
    close: expiry.close,
    begin(repository, start, options) {
      expiry.expire();
      return begin(book, limits, repository, start, options).finally(expiry.watch);
    },
    step(step, work) {
      return takeStep(book, limits.patience, step, work).finally(expiry.watch);
    },
  };
}

async function begin(
  book: SessionBook,
  limits: SessionLimits,
  repository: Repository,
  start: () => Promise<Upload>,
  { owner, unanswered }: BeginOptions = {},
): Promise<Upload> {
  const full = book.countOf(repository.name) >= limits.repositorySessions;
  if (full || book.countOwned(owner) >= limits.sessions - book.count()) {
    throw new ResponseError('TOOMANYREQUESTS', 'too many uploads are open; try again later');
  }
  // Sessions that are being started already count.
  const giveBack = book.reserve(repository.name, owner);
  try {
    const upload = await start();
    const session = book.open(repository, upload.id, owner);
    session.known = onAbort(unanswered, () => {
      book.remove(repository, upload.id);
      upload.cancel().catch(() => undefined);
    });
    return upload;
  } finally {
    giveBack();
  }
}

async function takeStep(
  book: SessionBook,
  patience: number,
  step: SessionRequest,
  work: Work,
): Promise<HttpResponse> {
  const { repository, operation, owner, request } = step;
  const session = book.open(repository, operation.id, owner);
  const waits = session.users > 0;
  session.users++;
  session.known?.();
  const leave = new AbortController();
  const signal =
    request.signal === undefined ? leave.signal : AbortSignal.any([request.signal, leave.signal]);
  const turn = session
    .mutex((moved) => use(session, step, work, { book, moved }), { signal })
    .finally(() => session.users--);
  if (!waits) return turn;
  try {
    return await wait(session, turn, operation.kind === 'upload.status' ? work : undefined, patience);
  } finally {
    // An early answer ends the wait for the session.
    leave.abort();
  }
}

interface Turn {
  readonly book: SessionBook;
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

/**
 * The part of the patience after which a silent request is cut. Less than all of it, because the runtime counts a timer
 * from the beginning of its turn and so fires it some milliseconds early.
 */
const silence = 0.9;

/**
 * Returns the outcome of `turn`, which waits for other requests, or the outcome of `early` when the wait takes too
 * long.
 */
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
      // After the other request was ended, the turn comes at once.
      if (body?.cutAfter(silence * patience) === true || early === undefined || upload === undefined) return;
      early(upload).then(resolve, reject);
    }, patience);
  });
  try {
    return await Promise.race([turn, over]);
  } finally {
    clearInterval(timer);
  }
}

/** Returns whether the session still exists. Only the store knows whether a failed commit has closed it. */
async function isOpen({ blobs }: Repository, id: string): Promise<boolean> {
  return blobs.resume(id).then(
    () => true,
    () => false,
  );
}
