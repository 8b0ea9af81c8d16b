import { isGantryError, StorageError } from '../errors.ts';
import { removeFile, systemCode } from './files.ts';
import { createJudge, type Judge, type Rhythm, usualRhythm, type Verdict } from './heartbeat.ts';
import { type Holder, isSame, lifeOf, newHolder } from './holder.ts';
import { createLockFile, type LockFile, type OwnLockFile, readLockFile } from './lock-file.ts';

/** Milliseconds between two tries of a waiting process. */
const interval = 50;
/** Milliseconds of waiting after which `onWait` is called. */
const noticeAfter = 2_000;

export interface LockOptions {
  /** Milliseconds to wait for another process. Default: no wait. `Infinity`: until the signal aborts. */
  readonly wait?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The name of the locked thing in error messages. */
  readonly what: string;
  /** Called before each try to create the folder of the lock, which the last holder may have removed. */
  readonly prepare?: (() => Promise<void>) | undefined;
  /** Called once, after two seconds, with the reason of the wait. */
  readonly onWait?: ((reason: string) => void) | undefined;
  readonly rhythm?: Rhythm | undefined;
}

export interface Lock extends AsyncDisposable {
  /**
   * Throws IN_USE when another process has taken over the lock, because this one gave no heartbeat for too long: the
   * process or its machine was stopped. Call it before work that only the holder may do. It rarely reads the disk.
   */
  check(): Promise<void>;
}

/**
 * Takes the lock at `path`, exclusive among all processes and all callers in this process, until disposed. Takes over
 * the lock of a process that has ended: at once when this process can see that, also for zombies and reused process
 * ids; after ten seconds without a heartbeat when the process was on another host or in another container. Throws
 * IN_USE.
 */
export async function takeLock(path: string, options: LockOptions): Promise<Lock> {
  const { wait = 0, signal, what, prepare, onWait, rhythm = usualRhythm } = options;
  const mine = newHolder();
  const judge = createJudge(rhythm);
  const turn = createJudge(rhythm);
  const start = performance.now();
  let noticed = false;
  for (;;) {
    signal?.throwIfAborted();
    const file = await createIn(path, mine, prepare);
    if (file !== undefined) return new HeldLock({ path, what, rhythm, mine, file });
    const other = await readLockFile(path);
    if (other === undefined) continue;
    const verdict = judge.judge(other);
    if (verdict === 'dead' && (await takeAway(path, { dead: other, mine, turn }))) continue;
    const waited = performance.now() - start;
    if (verdict === 'alive' && waited >= wait) throw inUse(path, what, other);
    if (!noticed && waited >= noticeAfter) {
      noticed = true;
      onWait?.(waitReason(what, other, verdict, rhythm));
    }
    await pause(interval, signal);
  }
}

/**
 * Maximum number of times that the folder may vanish before its lock file exists. Two processes that share a folder
 * need one or two tries.
 */
const mostVanished = 20;

/** Another process may remove the folder after `prepare` has created it. Both steps are then repeated. */
async function createIn(
  path: string,
  mine: Holder,
  prepare?: () => Promise<void>,
): Promise<OwnLockFile | undefined> {
  for (let vanished = 0; ; vanished += 1) {
    try {
      await prepare?.();
      return await createLockFile(path, mine);
    } catch (error) {
      const isGone = isGantryError(error) && systemCode(error.cause) === 'ENOENT';
      if (prepare === undefined || !isGone || vanished === mostVanished) throw error;
    }
  }
}

/** Removes the lock of an ended process, if this process can see that it has ended. */
export async function removeDeadLock(path: string): Promise<void> {
  const holder = (await readLockFile(path))?.holder;
  if (holder === undefined || lifeOf(holder) !== 'ended') return;
  const lock = await takeLock(path, { what: path });
  await lock[Symbol.asyncDispose]();
}

function inUse(path: string, what: string, { holder }: LockFile): StorageError {
  const advice = 'wait until it has ended, or end it';
  return new StorageError('IN_USE', `${what} is in use by ${nameOf(holder)} (lock file ${path}): ${advice}`, {
    path,
  });
}

function waitReason(what: string, { holder }: LockFile, verdict: Verdict, { silence }: Rhythm): string {
  const who = nameOf(holder);
  if (verdict === 'alive') return `${what} is in use by ${who}: waiting until it has ended`;
  return `${what} was in use by ${who}, which can't be seen from here: waiting ${silence / 1000} s for a sign of it`;
}

function nameOf(holder: Holder | undefined): string {
  return holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
}

interface Holding {
  readonly path: string;
  readonly what: string;
  readonly rhythm: Rhythm;
  readonly mine: Holder;
  readonly file: OwnLockFile;
}

class HeldLock implements Lock {
  readonly #holding: Omit<Holding, 'file'>;
  readonly #timer: NodeJS.Timeout;
  #file: OwnLockFile;
  #beating: Promise<void> = Promise.resolve();
  /** The start of the last heartbeat that reached the disk. */
  #beaten = now();
  #lost = false;
  #released = false;

  constructor({ file, ...holding }: Holding) {
    this.#holding = holding;
    this.#file = file;
    this.#timer = setInterval(() => void this.#beat().catch(() => undefined), holding.rhythm.beat).unref();
  }

  async check(): Promise<void> {
    if (!this.#lost && this.#isFresh()) return;
    await this.#beat();
    if (!this.#lost) return;
    const { path, what } = this.#holding;
    throw new StorageError(
      'IN_USE',
      `${what}: another process has taken the lock over (${path}), since this one was stopped for too long; nothing more is written from here`,
      { path },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    clearInterval(this.#timer);
    await this.#beating.catch(() => undefined);
    const { path, mine, rhythm } = this.#holding;
    const remove = async (): Promise<void> => {
      if (await this.#isMine()) await removeFile(path);
    };
    try {
      if (this.#isFresh()) await remove();
      // Another process may be about to take the lock over.
      else await inTurn(path, { mine, turn: createJudge(rhythm) }, remove);
    } finally {
      await this.#file.close();
    }
  }

  /** No process takes over a lock with a recent heartbeat. Half of the time remains for the protected work. */
  #isFresh(): boolean {
    return this.#sinceBeat() < this.#holding.rhythm.silence / 2;
  }

  /** On a machine that slept, either clock may have stopped. */
  #sinceBeat(): number {
    const { steady, wall } = now();
    return Math.max(steady - this.#beaten.steady, Math.abs(wall - this.#beaten.wall));
  }

  /** One heartbeat at a time, so that they do not pile up on a slow disk. */
  #beat(): Promise<void> {
    const next = this.#beating.catch(() => undefined).then(() => this.#beatOnce());
    this.#beating = next;
    return next;
  }

  async #beatOnce(): Promise<void> {
    if (this.#lost) return;
    const { rhythm } = this.#holding;
    const began = now();
    const late = this.#sinceBeat() >= rhythm.silence;
    await this.#file.beat();
    // A process that read the file just before this heartbeat may be removing it.
    if (late) await pause(interval * 10);
    this.#lost = !(await this.#isMine()) && !(await this.#restore());
    if (this.#lost) clearInterval(this.#timer);
    else this.#beaten = began;
  }

  /** Creates the lock file again after its removal, unless another process holds the lock now. */
  async #restore(): Promise<boolean> {
    const { path, mine } = this.#holding;
    const file = await createLockFile(path, mine);
    if (file === undefined) return false;
    await this.#file.close();
    this.#file = file;
    return true;
  }

  async #isMine(): Promise<boolean> {
    const { path, mine } = this.#holding;
    const holder = (await readLockFile(path))?.holder;
    return holder !== undefined && isSame(mine, holder);
  }
}

function now(): { readonly steady: number; readonly wall: number } {
  return { steady: performance.now(), wall: Date.now() };
}

interface Taking {
  readonly mine: Holder;
  /** Judges the holder of the turn to take over the lock. */
  readonly turn: Judge;
}

/** Removes the lock of an ended process. Returns false when it is another process's turn. */
function takeAway(path: string, { dead, ...taking }: Taking & { readonly dead: LockFile }): Promise<boolean> {
  return inTurn(path, taking, async () => {
    const found = await readLockFile(path);
    // Only the judged file, without a heartbeat since.
    if (found?.pulse === dead.pulse) await removeFile(path);
  });
}

/**
 * Two processes that judged a lock dead must not remove it one after the other, because the first may already hold its
 * own lock there. A second file gives one of them the turn for a moment. Returns whether this process had the turn.
 */
async function inTurn(path: string, { mine, turn }: Taking, task: () => Promise<void>): Promise<boolean> {
  const turnPath = `${path}.takeover`;
  const file = await createLockFile(turnPath, mine);
  if (file === undefined) {
    const other = await readLockFile(turnPath);
    // A crash left the file in that moment.
    if (other !== undefined && turn.judge(other) === 'dead') await removeFile(turnPath);
    return false;
  }
  try {
    await task();
  } finally {
    await file.close();
    await removeFile(turnPath);
  }
  return true;
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
