import { Lru } from '../../store/lru.ts';
import { createBrake } from './brake.ts';
import type { AccessClock } from './clock.ts';
import type { Login, User } from './login.ts';
import { createSeal } from './seal.ts';

/** Where passwords are shown. */
export interface Desk {
  /** The user whose name and password these are; undefined if they are not. Throws TOOMANYREQUESTS. */
  readonly admit: (name: string, password: string, peer: string | undefined) => Promise<User | undefined>;
}

/** Milliseconds that a right password counts without another look, and how many are remembered. */
const memory = 60_000;
const maxRemembered = 1_000;
/** Nobody's password is longer; characters. */
const maxPassword = 1_024;

interface Visit {
  readonly until: number;
  readonly user: Promise<User | undefined>;
}

/**
 * Asks the login about a password once, however many clients show it at the same time or within a minute, and slows down
 * who shows wrong ones: for their user, and more leniently for their address, which others may share.
 */
export function createDesk(
  login: Login,
  { key, clock }: { readonly key: Uint8Array; readonly clock: AccessClock },
): Desk {
  // Remembered is a mark of the password, by a key that dies with the process, and never the password.
  const seal = createSeal(key, `passwords ${crypto.randomUUID()}`);
  const visits = new Lru<Visit>(maxRemembered);
  const users = createBrake({ free: 3, clock });
  const peers = createBrake({ free: 20, clock });

  const check = async (
    name: string,
    password: string,
    peer: string | undefined,
  ): Promise<User | undefined> => {
    await Promise.all([users.wait(name), peer === undefined ? undefined : peers.wait(peer)]);
    // Looked up before the check: a password that is changed meanwhile must not lend its stamp to the old one.
    const user = await login.find(name);
    if (await login.check(name, password)) {
      users.passed(name);
      return user;
    }
    users.failed(name);
    if (peer !== undefined) peers.failed(peer);
    return undefined;
  };

  return {
    async admit(name, password, peer) {
      if (password.length > maxPassword || name.length > maxPassword) return undefined;
      const now = clock.now();
      const stamp = (await login.find(name))?.stamp;
      const mark = await seal.mark(JSON.stringify([name, password, stamp ?? null]));
      const known = visits.get(mark);
      if (known !== undefined && known.until > now) return await known.user;
      const user = check(name, password, isLocal(peer) ? undefined : peer);
      visits.set(mark, { until: now + memory, user });
      const forget = (): void => {
        visits.delete(mark);
      };
      // A wrong password is shared by those who show it at this moment, and then costs its wait again.
      user.then((found) => found === undefined && forget(), forget);
      return await user;
    },
  };
}

/** Nobody, or this machine: most often a proxy, behind whose address are all the others. */
function isLocal(peer: string | undefined): boolean {
  return peer === undefined || /^(?:::ffff:)?127\.|^::1$/.test(peer);
}
