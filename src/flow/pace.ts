import { type Clock, systemClock } from '../time/clock.ts';
import { sleep } from './sleep.ts';

/** Lets bytes pass at a limited rate, in the order of the calls. */
export interface Pace {
  /** Bytes per second. */
  readonly rate: number;
  /** Bytes that should pass at once at most, so that all transfers of the pace move on many times a second. */
  readonly piece: number;
  /** Whether the bytes of the last moments came as fast as they may pass, so that nothing but the rate limits them. */
  readonly isFull: boolean;
  /**
   * Books the passage of these bytes. Returns undefined if they may pass at once, and otherwise a promise of their turn, which
   * rejects with the signal's reason.
   */
  take(bytes: number, signal?: AbortSignal): Promise<void> | undefined;
}

/** Milliseconds of unused passage that can be made up for: a busy process comes late to its turns. */
const burst = 250;
/** Milliseconds that bytes may pass before their turn, since each wait costs processor time: so at most 25 of them follow in a second. */
const early = 40;
/** Milliseconds by which a busy process usually misses a turn. */
const lateness = 50;
/** The pieces of one second. */
const piecesPerSecond = 20;

/** Counts from the start of the process, which the clock of the machine cannot disturb. The timers keep the process alive. */
const paceClock: Clock = { ...systemClock, now: () => performance.now() };

export function createPace(rate: number, clock: Clock = paceClock): Pace {
  /** The time at which all bytes so far have passed. */
  let over: number | undefined;
  return {
    rate,
    piece: Math.max(1, Math.floor(rate / piecesPerSecond)),
    get isFull() {
      return over !== undefined && over > clock.now() - lateness;
    },
    take(bytes, signal) {
      const now = clock.now();
      const turn = Math.max(over ?? now, now - burst);
      const takes = (bytes / rate) * 1000;
      over = turn + takes;
      const wait = turn - now;
      if (wait < early) return undefined;
      return sleep(clock, wait, signal).catch((error: unknown) => {
        // The bytes do not pass, so the ones behind them are not held up by them.
        if (over !== undefined) over -= takes;
        throw error;
      });
    },
  };
}
