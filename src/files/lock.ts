import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { StorageError } from '../errors.ts';
import { lookAt, onDisk, readSmall, removeFile, systemCode } from './files.ts';

/** How often a waiting process looks again, in milliseconds. */
const interval = 50;
/** A lock without content is one that is just being written, or was left by a crash in that moment. */
const blankFor = 5_000;

/** Who holds a lock: enough to know, on the same host, whether that process still runs. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, where the system tells: process ids are used again. */
  readonly start?: string;
  readonly token: string;
}

export interface LockOptions {
  /** Milliseconds to wait for another process; default: don't. */
  readonly wait?: number;
  readonly signal?: AbortSignal | undefined;
  /** What an error calls the locked thing. */
  readonly what: string;
  /** Called before each try: makes the folder of the lock, which whoever held it may have cleared away. */
  readonly prepare?: () => Promise<void>;
}

export type Lock = AsyncDisposable;

/**
 * Holds `path` against every other process and every other caller in this one, until disposed.
 * The lock of a process that has died is taken over. Throws IN_USE.
 */
export async function takeLock(
  path: string,
  { wait = 0, signal, what, prepare }: LockOptions,
): Promise<Lock> {
  const mine: Holder = {
    pid: process.pid,
    host: hostname(),
    token: crypto.randomUUID(),
    ...startOf(process.pid),
  };
  const deadline = performance.now() + wait;
  for (;;) {
    signal?.throwIfAborted();
    await prepare?.();
    if (await create(path, mine)) return { [Symbol.asyncDispose]: () => release(path, mine) };
    const other = await holderOf(path);
    if (other === 'none') continue;
    if (other !== 'unknown' && !isAlive(other) && (await takeAway(path, other, mine))) continue;
    if (performance.now() >= deadline) {
      const who = other === 'unknown' ? 'another process' : `process ${other.pid} on ${other.host}`;
      throw new StorageError('IN_USE', `${what} is in use by ${who} (lock file ${path})`, { path });
    }
    await pause(interval, signal);
  }
}

async function create(path: string, holder: Holder): Promise<boolean> {
  return onDisk(path, async () => {
    try {
      const file = await open(path, 'wx', 0o644);
      try {
        await file.writeFile(JSON.stringify(holder));
      } finally {
        await file.close();
      }
      return true;
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    }
  });
}

async function holderOf(path: string): Promise<Holder | 'none' | 'unknown'> {
  const bytes = await readSmall(path, 4096);
  if (bytes === undefined) return 'none';
  const holder = parseHolder(new TextDecoder().decode(bytes));
  if (holder !== undefined) return holder;
  const written = (await lookAt(path))?.mtimeMs;
  if (written === undefined || Date.now() - written < blankFor) return 'unknown';
  return { pid: 0, host: hostname(), token: '' };
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host, start, token } = JSON.parse(text);
    if (!Number.isSafeInteger(pid) || typeof host !== 'string' || typeof token !== 'string') return undefined;
    return { pid, host, token, ...(typeof start === 'string' ? { start } : {}) };
  } catch {
    return undefined;
  }
}

/** In doubt it is: of another host's processes nothing is known. */
function isAlive({ pid, host, start }: Holder): boolean {
  if (host !== hostname()) return true;
  if (pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, and belongs to someone else.
    if (systemCode(error) === 'ESRCH') return false;
  }
  const now = startOf(pid).start;
  return start === undefined || now === undefined || start === now;
}

/** Clock ticks from boot to the start of the process; only Linux tells without running a program. */
function startOf(pid: number): { readonly start?: string } {
  if (process.platform !== 'linux') return {};
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may hold spaces and parentheses of its own.
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return start === undefined ? {} : { start };
  } catch {
    return {};
  }
}

/**
 * Removes the lock of a dead process. Two who judged it dead must not do so one after the other, when the first holds
 * a lock of its own there already: a second lock decides whose turn it is. Answers false if it is another's.
 */
async function takeAway(path: string, dead: Holder, mine: Holder): Promise<boolean> {
  const turn = `${path}.takeover`;
  if (!(await create(turn, mine))) {
    const taken = (await lookAt(turn))?.mtimeMs;
    // It is held for a moment only; an old one was left by a crash in that moment.
    if (taken !== undefined && Date.now() - taken > blankFor) await removeFile(turn);
    return false;
  }
  try {
    const found = await holderOf(path);
    if (typeof found === 'object' && found.token === dead.token) await removeFile(path);
  } finally {
    await removeFile(turn);
  }
  return true;
}

async function release(path: string, mine: Holder): Promise<void> {
  const holder = await holderOf(path);
  if (typeof holder !== 'object' || holder.token !== mine.token) return;
  await removeFile(path);
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
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
