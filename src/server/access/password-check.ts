import { ResponseError, TransportError } from '../../errors.ts';
import { createSingleFlight } from '../../flow/single-flight.ts';
import { sleep } from '../../flow/sleep.ts';
import { within } from '../../flow/within.ts';
import { Lru } from '../../store/lru.ts';
import type { Clock } from '../../time/clock.ts';
import { createShares } from '../shares.ts';
import { createLoginThrottle } from './login-throttle.ts';
import { createFairQueue } from './queue.ts';
import { createSigner } from './signer.ts';
import { sourceOf } from './source.ts';
import type { User, UserDirectory } from './user-directory.ts';

/** Where passwords are shown. */
export interface PasswordCheck {
  /**
   * The user whose name and password these are; undefined if they are not. Throws TOOMANYREQUESTS, and the signal's reason
   * while it waits.
   */
  readonly check: (name: string, password: string, caller?: PasswordCaller) => Promise<User | undefined>;
}

export interface PasswordCaller {
  readonly peer?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PasswordCheckOptions {
  readonly key: Uint8Array;
  readonly clock: Clock;
  /** Passwords that wait to be looked at. Default 4,096: each is a connection and less than 3 KiB. */
  readonly maxWaiting?: number;
  /** Milliseconds that the login may take to judge one password. Default 60 s. */
  readonly longestLook?: number;
}

/** Milliseconds that a right password counts without another look, and how many are remembered. */
const memory = 60_000;
const maxRemembered = 1_000;
/** Passwords that were right once, and go ahead of all guesses when they are looked at again. */
const maxProven = 10_000;
/** Nobody's password is longer; characters. */
const maxPassword = 1_024;
const usualWaiting = 4_096;
const usualLook = 60_000;
/** Looks at once, for a login that waits for somebody else; `openHtpasswd` takes them one at a time. */
const looksAtOnce = 4;

/** A password as it was shown. */
interface Attempt {
  readonly name: string;
  readonly password: string;
  /** Known again by its mark, by a key that dies with the process. The password itself is never kept. */
  readonly mark: string;
  /** Undefined where it is this machine's. */
  readonly source: string | undefined;
}

/**
 * Asks the login about a password once, however many clients show it at the same time or within a minute, and slows down
 * who shows wrong ones: for their user, and more leniently for their address, which others may share. A guesser can't lock
 * the user out: no attempt is refused for others', each waits its few seconds, every source has its turn at being looked
 * at, and a password that was right once waits for no guess at all.
 */
export function createPasswordCheck(
  login: UserDirectory,
  { key, clock, maxWaiting = usualWaiting, longestLook = usualLook }: PasswordCheckOptions,
): PasswordCheck {
  const signer = createSigner(key, `passwords ${crypto.randomUUID()}`);
  const remembered = new Lru<{ readonly until: number; readonly user: User }>(maxRemembered);
  const proven = new Lru<true>(maxProven);
  // A wrong one is shared by those who show it at this moment, and then costs its wait again.
  const checks = createSingleFlight<string, User | undefined>();
  const users = createLoginThrottle({ free: 3, clock });
  const peers = createLoginThrottle({ free: 20, clock });
  const queue = createFairQueue(looksAtOnce);
  const places = createShares(maxWaiting);

  const look = async ({ name, password, mark, source }: Attempt): Promise<User | undefined> => {
    // Looked up before the check: a password that is changed meanwhile must not lend its stamp to the old one.
    const user = await login.find(name);
    if ((await login.check(name, password)) && user !== undefined) {
      users.passed(name);
      proven.set(mark, true);
      remembered.set(mark, { until: clock.now() + memory, user });
      return user;
    }
    users.failed(name);
    if (source !== undefined) peers.failed(source);
    return undefined;
  };

  const check = async (attempt: Attempt, signal: AbortSignal): Promise<User | undefined> => {
    const { name, mark, source } = attempt;
    // Behind a proxy all have one address: there each user is a source.
    const line = source ?? `for ${name}`;
    const urgent = proven.has(mark);
    const leave = urgent ? () => undefined : places.take(line);
    if (leave === undefined)
      throw new ResponseError('TOOMANYREQUESTS', 'too many logins wait, try again later');
    try {
      const delay = Math.max(users.delay(name), source === undefined ? 0 : peers.delay(source));
      if (!urgent && delay > 0) await sleep(clock, delay, signal);
      // A login that never answers must not keep its place in the queue.
      const looking = (): Promise<User | undefined> =>
        within(look(attempt), longestLook, () => tooLate(longestLook));
      return await queue.run(line, looking, { urgent, signal });
    } finally {
      leave();
    }
  };

  return {
    async check(name, password, { peer, signal } = {}) {
      if (password.length > maxPassword || name.length > maxPassword) return undefined;
      const stamp = (await login.find(name))?.stamp;
      const mark = await signer.sign(JSON.stringify([name, password, stamp ?? null]));
      const known = remembered.get(mark);
      if (known !== undefined && known.until > clock.now()) return known.user;
      const attempt = { name, password, mark, source: sourceOf(peer) };
      return await checks.run(mark, (ended) => check(attempt, ended), { signal });
    },
  };
}

function tooLate(limit: number): TransportError {
  return new TransportError('TIMED_OUT', `the login did not answer within ${limit / 1000} s`);
}
