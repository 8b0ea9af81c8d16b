import { InputError, ResponseError } from '../../errors.ts';
import { createMutex } from '../../flow/mutex.ts';
import { createReading, type ReadingOptions } from './reading.ts';
import type { UserDirectory } from './user-directory.ts';

/** Each step doubles the work: 14 is more than a second of a processor for every check. */
const maxCost = 14;
const minCost = 4;
/** Some 100,000 users. Characters. */
const limit = 8 * 1024 * 1024;
/** Milliseconds that the next check waits after a wrong password, at most: as long as the check took. */
const longestPause = 250;
/** Checks that wait for the processor; who comes later is sent away rather than made to wait for all of them. */
const maxQueue = 64;

/**
 * The users of an htpasswd text that `read` gives, which is asked again with every request and parsed when it has
 * changed. Only bcrypt is taken (`htpasswd -B`); passwords count up to 72 bytes, as everywhere with it. Throws
 * INVALID_OPTION, naming file and line, when the first reading is none; a check throws TOOMANYREQUESTS when too many wait.
 */
export async function openHtpasswd(
  read: () => Promise<string>,
  options: ReadingOptions = {},
): Promise<UserDirectory> {
  const { file = 'htpasswd' } = options;
  const current = createReading(read, (text) => usersOf(parseHtpasswd(text, { file })), options);
  await current();
  const mutex = createMutex();
  let waiting = 0;
  /** The next check begins no earlier, by `performance.now()`. A timer is set only when a check waits for it. */
  let restsUntil = 0;
  return {
    async find(name) {
      const hash = (await current()).hashes.get(name);
      return hash === undefined ? undefined : { name, stamp: hash };
    },
    async check(name, password) {
      const { hashes, costs } = await current();
      if (waiting >= maxQueue) {
        throw new ResponseError('TOOMANYREQUESTS', 'too many logins at once, try again later');
      }
      waiting++;
      try {
        // One at a time: they share one processor, and the requests between them need it too.
        return await mutex(async () => {
          await pause(restsUntil - performance.now());
          const { right, took } = await timed(password, hashes.get(name), costs);
          // Else guesses would leave no time of the processor to the requests between them.
          if (!right) restsUntil = performance.now() + Math.min(took, longestPause);
          return right;
        });
      } finally {
        waiting--;
      }
    },
  };
}

async function pause(milliseconds: number): Promise<void> {
  if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

interface Users {
  readonly hashes: ReadonlyMap<string, string>;
  /** The beginnings of the hashes, one of each cost. */
  readonly costs: readonly string[];
}

function usersOf(hashes: ReadonlyMap<string, string>): Users {
  const costs = new Map(Array.from(hashes.values(), (hash) => [costOf(hash), hash.slice(0, costLength)]));
  return { hashes, costs: costs.size === 0 ? ['$2b$10$'] : [...costs.values()] };
}

/** `$2b$10$` */
const costLength = 7;

function costOf(hash: string): string {
  return hash.slice(4, 6);
}

async function timed(
  ...given: Parameters<typeof compare>
): Promise<{ readonly right: boolean; readonly took: number }> {
  const began = performance.now();
  return { right: await compare(...given), took: performance.now() - began };
}

async function compare(
  password: string,
  own: string | undefined,
  costs: readonly string[],
): Promise<boolean> {
  const { compare } = await import('bcryptjs');
  for (const hash of comparedWith(own, costs)) {
    if ((await compare(password, hash)) && hash === own) return true;
  }
  return false;
}

/**
 * The hashes that a password is compared with until one fits: the user's own, and one of no password for each other cost that
 * the file has. So a wrong password is the same work for every name, and its time does not tell who is a user.
 */
export function comparedWith(own: string | undefined, costs: readonly string[]): readonly string[] {
  const others = costs.filter((cost) => own === undefined || costOf(cost) !== costOf(own));
  const decoys = others.map((cost) => `${cost}${'.'.repeat(53)}`);
  return own === undefined ? decoys : [own, ...decoys];
}

/** Reads lines of `user:hash`; throws INVALID_OPTION naming file and line, but nothing of what stands there. */
export function parseHtpasswd(
  text: string,
  { file }: { readonly file: string },
): ReadonlyMap<string, string> {
  if (text.length > limit) throw new InputError('INVALID_OPTION', `${file}: too long for a file of users`);
  const users = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) continue;
    const problem = addUser(users, entry);
    if (problem !== undefined) throw new InputError('INVALID_OPTION', `${file}:${index + 1}: ${problem}`);
  }
  return users;
}

/** What is wrong with the entry, if anything. */
function addUser(users: Map<string, string>, entry: string): string | undefined {
  const colon = entry.indexOf(':');
  if (colon < 1) return 'no user and hash with a colon between them';
  const [name, hash] = [entry.slice(0, colon), entry.slice(colon + 1)];
  if (users.has(name)) return 'the user stands in an earlier line too';
  const cost = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1];
  if (cost === undefined) return 'only bcrypt is known (htpasswd -B)';
  if (Number(cost) < minCost || Number(cost) > maxCost) {
    return `a cost of ${cost} is not taken: ${minCost} to ${maxCost} are`;
  }
  users.set(name, hash);
  return undefined;
}
