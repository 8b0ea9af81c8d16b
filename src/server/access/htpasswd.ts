import { InputError, ResponseError } from '../../errors.ts';
import { createMutex } from '../../flow/mutex.ts';
import { checkReading, createReading, type ReadingOptions } from './reading.ts';
import type { UserDirectory } from './user-directory.ts';

/** bcrypt cost. Each step doubles the work; 14 takes more than a second of processor time per check. */
const maxCost = 14;
const minCost = 4;
/** Characters. About 100,000 users. */
const limit = 8 * 1024 * 1024;
/** Milliseconds. After a wrong password the next check waits as long as the check took, at most this long. */
const longestPause = 250;
/** Maximum number of waiting checks. Later ones are refused. */
const maxQueue = 64;

/**
 * Opens the users in the htpasswd text that `read` returns. The text is read for every request and parsed when it has
 * changed. Supports only bcrypt (`htpasswd -B`), which uses the first 72 bytes of a password.
 * @throws INVALID_OPTION, with file and line, when the first text is invalid. A check throws TOOMANYREQUESTS when too
 * many wait.
 */
export async function openHtpasswd(
  read: () => Promise<string>,
  options: ReadingOptions = {},
): Promise<UserDirectory> {
  checkReading('openHtpasswd', read, options);
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
        // One check at a time: all share one processor, and other requests need it, too.
        return await mutex(async () => {
          await pause(restsUntil - performance.now());
          const { right, took } = await timed(password, hashes.get(name), costs);
          // Without the pause, guesses would leave no processor time to other requests.
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
  /** The prefixes of the hashes, one for each cost. */
  readonly costs: readonly string[];
}

function usersOf(hashes: ReadonlyMap<string, string>): Users {
  const costs = new Map(Array.from(hashes.values(), (hash) => [costOf(hash), hash.slice(0, costLength)]));
  return { hashes, costs: costs.size === 0 ? ['$2b$10$'] : [...costs.values()] };
}

/** The length of `$2b$10$`. */
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
 * Returns the hashes to compare a password with: the user's own, and a dummy hash for each other cost in the file. A
 * wrong password takes the same work for every name, so the time does not reveal user names.
 */
export function comparedWith(own: string | undefined, costs: readonly string[]): readonly string[] {
  const others = costs.filter((cost) => own === undefined || costOf(cost) !== costOf(own));
  const decoys = others.map((cost) => `${cost}${'.'.repeat(53)}`);
  return own === undefined ? decoys : [own, ...decoys];
}

/** Parses lines of `user:hash`. Throws INVALID_OPTION with file and line, and without their content. */
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

/** Returns the problem of an invalid entry. */
function addUser(users: Map<string, string>, entry: string): string | undefined {
  const colon = entry.indexOf(':');
  if (colon < 1) return 'expected user:hash';
  const [name, hash] = [entry.slice(0, colon), entry.slice(colon + 1)];
  if (users.has(name)) return 'an earlier line has the same user';
  const cost = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1];
  if (cost === undefined) return 'only bcrypt hashes are supported (htpasswd -B)';
  if (Number(cost) < minCost || Number(cost) > maxCost) {
    return `the bcrypt cost ${cost} is not supported: use ${minCost} to ${maxCost}`;
  }
  users.set(name, hash);
  return undefined;
}
