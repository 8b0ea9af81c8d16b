import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './files.ts';

/** The process that holds a lock: enough for another process to find out whether it still runs. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** The boot of the kernel that it runs on, where the system tells. */
  readonly boot?: string;
  /** The process ids that `pid` is one of: each container counts its own. */
  readonly space?: string;
  /** When it started, in clock ticks since the boot, where the system tells: process ids are used again. */
  readonly start?: string;
  readonly token: string;
}

/** `unseen`: it runs, or ran, on another host or in another container, and only its heartbeat tells. */
export type Life = 'runs' | 'ended' | 'unseen';

/** A new holder in this process. */
export function newHolder(): Holder {
  return { pid: process.pid, ...hereNow(), ...startOf(process.pid), token: crypto.randomUUID() };
}

/** Throws nothing: a text that is no holder is `undefined`. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host, boot, space, start, token } = JSON.parse(text);
    if (!Number.isSafeInteger(pid) || typeof host !== 'string' || typeof token !== 'string') return undefined;
    return {
      pid,
      host,
      token,
      ...(typeof boot === 'string' ? { boot } : {}),
      ...(typeof space === 'string' ? { space } : {}),
      ...(typeof start === 'string' ? { start } : {}),
    };
  } catch {
    return undefined;
  }
}

const shortToken = 8;

/** A holder in fewer than 60 bytes: what tells one place of processes from another is a hash, and the token is cut. */
export function formatShort(holder: Holder): string {
  const { pid, start = '', token } = holder;
  return `${pid}.${start}.${token.slice(0, shortToken)}.${placeOf(holder)}`;
}

/** The inverse of `formatShort`, as far as this process can know the place. */
export function parseShort(text: string): Holder | undefined {
  const [, pid, start = '', token = '', place] =
    /^(\d+)\.(\d*)\.([0-9a-f]{8})\.([0-9a-f]{8})$/.exec(text) ?? [];
  if (pid === undefined) return undefined;
  const here = hereNow();
  const where = place === placeOf(here) ? here : { host: 'another host', boot: '?' };
  return { ...where, pid: Number(pid), token, ...(start === '' ? {} : { start }) };
}

/** Whether a lock file names `mine`, which has its whole token. */
export function isSame(mine: Holder, { token }: Holder): boolean {
  return token === mine.token || (token.length === shortToken && mine.token.startsWith(token));
}

function placeOf({ host, boot, space }: Here): string {
  const place = boot === undefined ? host : `${boot} ${space}`;
  return createHash('sha256').update(place).digest('hex').slice(0, 8);
}

export function lifeOf({ pid, host, boot, space, start }: Holder): Life {
  const here = hereNow();
  // A host name says little: a container's is new at each start, and two machines may share one.
  const seen = boot === undefined ? host === here.host : boot === here.boot && space === here.space;
  if (!seen) return 'unseen';
  if (pid <= 0) return 'ended';
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, and belongs to someone else.
    if (systemCode(error) === 'ESRCH') return 'ended';
  }
  const now = statOf(pid);
  if (now === undefined) return 'runs';
  // A zombie does nothing any more, and keeps its id until its parent asks for it, which may be never.
  if (now.state === 'Z' || now.state === 'X') return 'ended';
  return start === undefined || start === now.start ? 'runs' : 'ended';
}

interface Here {
  readonly host: string;
  readonly boot?: string;
  readonly space?: string;
}

function hereNow(): Here {
  const host = hostname();
  if (process.platform !== 'linux') return { host };
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return { host, boot, space: readlinkSync('/proc/self/ns/pid') };
  } catch {
    return { host };
  }
}

function startOf(pid: number): { readonly start?: string } {
  const start = statOf(pid)?.start;
  return start === undefined ? {} : { start };
}

/** Only Linux tells without running a program. */
function statOf(pid: number): { readonly state: string; readonly start: string } | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, which may hold spaces and parentheses of its own.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0], fields[19]];
    return state === undefined || start === undefined ? undefined : { state, start };
  } catch {
    return undefined;
  }
}
