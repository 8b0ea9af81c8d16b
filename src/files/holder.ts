import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemCode } from './files.ts';

/** The process that holds a lock, described so that another process can find out whether it still runs. */
export interface Holder {
  readonly pid: number;
  readonly host: string;
  /** The boot of the kernel, if the system tells it. */
  readonly boot?: string | undefined;
  /** The namespace of `pid`: each container has its own process ids. */
  readonly space?: string | undefined;
  /** The start of the process in clock ticks since the boot, if the system tells it: process ids are reused. */
  readonly start?: string | undefined;
  readonly token: string;
}

/** `unseen`: the process is on another host or in another container, and only its heartbeat shows that it runs. */
export type Life = 'runs' | 'ended' | 'unseen';

/** Describes this process as a new holder. */
export function newHolder(): Holder {
  return { pid: process.pid, ...hereNow(), start: statOf(process.pid)?.start, token: crypto.randomUUID() };
}

/** Returns undefined for a text that describes no holder. Throws nothing. */
export function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host, boot, space, start, token } = JSON.parse(text);
    if (!Number.isSafeInteger(pid) || typeof host !== 'string' || typeof token !== 'string') return undefined;
    return { pid, host, token, boot: textOf(boot), space: textOf(space), start: textOf(start) };
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

const shortToken = 8;

/** Formats a holder in fewer than 60 bytes: the place is reduced to a hash, and the token is shortened. */
export function formatShort(holder: Holder): string {
  const { pid, start = '', token } = holder;
  return `${pid}.${start}.${token.slice(0, shortToken)}.${placeOf(holder)}`;
}

/** The inverse of `formatShort`, as far as this process knows the place. */
export function parseShort(text: string): Holder | undefined {
  const [, pid, start = '', token = '', place] =
    /^(\d+)\.(\d*)\.([0-9a-f]{8})\.([0-9a-f]{8})$/.exec(text) ?? [];
  if (pid === undefined) return undefined;
  const here = hereNow();
  const where = place === placeOf(here) ? here : { host: 'another host', boot: '?' };
  return { ...where, pid: Number(pid), token, start: start || undefined };
}

/** Returns whether a lock file names `mine`, with its whole token. */
export function isSame(mine: Holder, { token }: Holder): boolean {
  return token === mine.token || (token.length === shortToken && mine.token.startsWith(token));
}

function placeOf({ host, boot, space }: Here): string {
  const place = boot === undefined ? host : `${boot} ${space}`;
  return createHash('sha256').update(place).digest('hex').slice(0, 8);
}

/** Finds out whether the process of a lock still runs. */
export function lifeOf({ pid, host, boot, space, start }: Holder): Life {
  const here = hereNow();
  // A host name is no proof: a container has a new one at each start, and two machines may share one.
  const seen = boot === undefined ? host === here.host : boot === here.boot && space === here.space;
  if (!seen) return 'unseen';
  if (pid <= 0) return 'ended';
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: the process runs and belongs to another user.
    if (systemCode(error) === 'ESRCH') return 'ended';
  }
  const now = statOf(pid);
  if (now === undefined) return 'runs';
  // A zombie does nothing any more. It keeps its id until its parent collects it, which may never happen.
  if (now.state === 'Z' || now.state === 'X') return 'ended';
  return start === undefined || start === now.start ? 'runs' : 'ended';
}

interface Here {
  readonly host: string;
  readonly boot?: string | undefined;
  readonly space?: string | undefined;
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

/** Only Linux shows this without running a program. */
function statOf(pid: number): { readonly state: string; readonly start: string } | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name of the program in parentheses. It may contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, start] = [fields[0], fields[19]];
    return state === undefined || start === undefined ? undefined : { state, start };
  } catch {
    return undefined;
  }
}
