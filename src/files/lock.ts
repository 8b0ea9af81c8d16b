import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open, readlink, symlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { StorageError } from '../errors.ts';
import { absentAs, lookAt, onDisk, readSmall, removeFile, systemCode } from './files.ts';

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
      } catch (error) {
        // A lock without content would shut out everybody, its own maker included.
        await removeFile(path);
        if (isFull(error)) return await createLink(path, holder);
        throw error;
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

function isFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '');
}

/**
 * A full disk has no block for the bytes of a file, but a short link stands in the inode: file systems keep fewer than
 * 60 bytes there. Without it, neither the registry nor its garbage collection would start, which makes room.
 */
async function createLink(path: string, holder: Holder): Promise<boolean> {
  await symlink(shortForm(holder), path);
  return true;
}

function shortForm({ pid, start = '', host, token }: Holder): string {
  return `${pid}.${start}.${token.slice(0, 8)}.${shortHost(host)}`;
}

function shortHost(host: string): string {
  return createHash('sha256').update(host).digest('hex').slice(0, 8);
}

function parseShortForm(text: string): Holder | undefined {
  const [, pid, start = '', token = '', host] =
    /^(\d+)\.(\d*)\.([0-9a-f]{8})\.([0-9a-f]{8})$/.exec(text) ?? [];
  if (pid === undefined) return undefined;
  const known = host === shortHost(hostname()) ? hostname() : 'another host';
  return { pid: Number(pid), host: known, token, ...(start === '' ? {} : { start }) };
}

async function holderOf(path: string): Promise<Holder | 'none' | 'unknown'> {
  const seen = await lookAt(path);
  if (seen === undefined) return 'none';
  const holder = seen.isSymbolicLink() ? await linkedHolder(path) : await writtenHolder(path);
  if (holder !== undefined) return holder;
  if (Date.now() - seen.mtimeMs < blankFor) return 'unknown';
  return { pid: 0, host: hostname(), token: '' };
}

async function linkedHolder(path: string): Promise<Holder | 'none' | undefined> {
  try {
    const text = await onDisk(path, () => absentAs(undefined, readlink(path)));
    return text === undefined ? 'none' : parseShortForm(text);
  } catch (error) {
    // Another lock stands there by now.
    if ((await lookAt(path))?.isFile() === true) return 'none';
    throw error;
  }
}

async function writtenHolder(path: string): Promise<Holder | 'none' | undefined> {
  try {
    const bytes = await readSmall(path, 4096);
    return bytes === undefined ? 'none' : parseHolder(new TextDecoder().decode(bytes));
  } catch (error) {
    if ((await lookAt(path))?.isSymbolicLink() === true) return 'none';
    throw error;
  }
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
 * a lock of its own there already: a second lock decides whose turn it is. Answers false if it is another's, true where
 * it is worth another try.
 */
async function takeAway(path: string, dead: Holder, mine: Holder): Promise<boolean> {
  const turn = `${path}.takeover`;
  if (!(await create(turn, mine))) {
    const taken = (await lookAt(turn))?.mtimeMs;
    // It is held for a moment only; an old one was left by a crash in that moment.
    return taken === undefined || (Date.now() - taken > blankFor && (await removeFile(turn)));
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
  if (typeof holder !== 'object' || holder.token === '' || !mine.token.startsWith(holder.token)) return;
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
