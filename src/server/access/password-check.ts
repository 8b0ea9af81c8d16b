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
import { sourceAddressOf } from './source.ts';
import type { User, UserDirectory } from './user-directory.ts';

/** Checks user names and passwords. */
export interface PasswordCheck {
  /**
   * Resolves with the user, or with undefined when name or password is wrong. Throws TOOMANYREQUESTS, and the signal's
   * reason while it waits.
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
  /** Maximum number of waiting passwords. Default 4,096; each needs a connection and less than 3 KiB. */
  readonly maxWaiting?: number | undefined;
  /** Milliseconds for one check by the login. Default 60 s. */
  readonly longestLook?: number | undefined;
}

/** Milliseconds for which a right password is remembered, and the number of remembered passwords. */
const memory = 60_000;
const maxRemembered = 1_000;
/** Number of passwords that were right once. Their next checks precede all others. */
const maxProven = 10_000;
/** Maximum characters of a name or a password. */
const maxPassword = 1_024;
const usualWaiting = 4_096;
const usualLook = 60_000;
/** Concurrent checks, for a login that waits for another service. `openHtpasswd` checks one password at a time. */
const looksAtOnce = 4;

/** One presented password. */
interface Attempt {
  readonly name: string;
  readonly password: string;
  /**
   * Identifies the password: a signature with a key that exists only in this process. The password itself is not kept.
   */
  readonly mark: string;
  /** Undefined for a client on this machine. */
  readonly source: string | undefined;
}

/**
 * Checks a password once, even if several clients present it at the same time or within a minute, and delays wrong
 * ones: by user, and more leniently by address, which other clients may share. Guesses cannot lock a user out: no
 * attempt is refused because of other attempts, each waits a few seconds at most, all sources take turns, and a
 * password that was right once waits for no guess.
 */
export function createPasswordCheck(
  login: UserDirectory,
  { key, clock, maxWaiting = usualWaiting, longestLook = usualLook }: PasswordCheckOptions,
): PasswordCheck {
  const signer = createSigner(key, `passwords ${crypto.randomUUID()}`);
  const remembered = new Lru<{ readonly until: number; readonly user: User }>(maxRemembered);
  const proven = new Lru<true>(maxProven);
  // Clients that present the same wrong password at the same time share one check. The next attempt waits again.
  const checks = createSingleFlight<string, User | undefined>();
  const users = createLoginThrottle({ free: 3, clock });
  const peers = createLoginThrottle({ free: 20, clock });
  const queue = createFairQueue(looksAtOnce);
  const places = createShares(maxWaiting);

  const look = async ({ name, password, mark, source }: Attempt): Promise<User | undefined> => {
    // Read before the check: if the password changes meanwhile, the old password must not get the new stamp.
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
    // Behind a proxy all clients have one address, so each user counts as a source.
    const line = source ?? `for ${name}`;
    const urgent = proven.has(mark);
    const leave = urgent ? () => undefined : places.take(line);
    if (leave === undefined)
      throw new ResponseError('TOOMANYREQUESTS', 'too many logins wait, try again later');
    try {
      const delay = Math.max(users.delay(name), source === undefined ? 0 : peers.delay(source));
      if (!urgent && delay > 0) await sleep(clock, delay, signal);
      // A login that does not answer must not keep its place in the queue.
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
      const attempt = { name, password, mark, source: sourceAddressOf(peer) };
      return await checks.run(mark, (ended) => check(attempt, ended), { signal });
    },
  };
}

function tooLate(limit: number): TransportError {
  return new TransportError('TIMED_OUT', `the login did not answer within ${limit / 1000} s`);
}
