import { InputError, ResponseError } from '../../errors.ts';
import { createTurns } from '../../store/turns.ts';
import type { Login } from './login.ts';
import { createReading, type ReadingOptions } from './reading.ts';

/** Each step doubles the work: 14 is more than a second of a processor for every check. */
const maxCost = 14;
const minCost = 4;
/** Some 100,000 users. Characters. */
const limit = 8 * 1024 * 1024;
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
): Promise<Login> {
  const { file = 'htpasswd' } = options;
  const current = createReading(read, (text) => parseHtpasswd(text, { file }), options);
  await current();
  const turns = createTurns();
  let waiting = 0;
  return {
    async find(name) {
      const hash = (await current()).get(name);
      return hash === undefined ? undefined : { name, stamp: hash };
    },
    async check(name, password) {
      const users = await current();
      const hash = users.get(name);
      if (waiting >= maxQueue) {
        throw new ResponseError('TOOMANYREQUESTS', 'too many logins at once, try again later');
      }
      waiting++;
      try {
        // One at a time: they share one processor, and the requests between them need it too.
        return (await turns(() => compare(password, hash ?? decoy(users)))) && hash !== undefined;
      } finally {
        waiting--;
      }
    },
  };
}

async function compare(password: string, hash: string): Promise<boolean> {
  const { compare } = await import('bcryptjs');
  return await compare(password, hash);
}

/** A hash of no password, which takes as long to check as those of the users. */
function decoy(users: ReadonlyMap<string, string>): string {
  const [first = '$2b$10$'] = users.values();
  return `${first.slice(0, 7)}${'.'.repeat(53)}`;
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
