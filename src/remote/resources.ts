import { createPlaces, type Places } from '../flow/places.ts';
import { createSemaphore, type Semaphore } from '../flow/semaphore.ts';
import { type Bandwidth, createBandwidth } from '../http/bandwidth.ts';
import { throttle } from '../http/throttle.ts';
import type { Clock } from '../time/clock.ts';
import type { Middleware } from '../wire/message.ts';

/** The limits that registries share. They hold for all registries with the same value together. */
export interface Resources {
  /** Limits the concurrent requests to each host, and waits while a host asks for it. */
  readonly throttle: Middleware;
  /**
   * The streams to registries. Each keeps one chunk of 16 MiB, so together at most 64 MiB. A stream without any movement
   * for 5 minutes may never end: one more stream may then run beside it.
   */
  readonly streams: Semaphore;
  /** The parts of large blobs that are under way or wait for their turn, beside the next one of each blob. */
  readonly parts: Places;
  /** Returns the limit of this many bytes per second in each direction. All who ask for the same limit share it. */
  bandwidth(rate: number): Bandwidth;
}

export function createResources(clock?: Clock): Resources {
  const limits = new Map<number, Bandwidth>();
  return {
    throttle: throttle(),
    streams: createSemaphore(4, { patience: 5 * 60_000 }),
    parts: createPlaces(7),
    bandwidth(rate) {
      const limit = limits.get(rate) ?? createBandwidth(rate, clock);
      limits.set(rate, limit);
      return limit;
    },
  };
}

/** One value for the process: its clients share a machine and its connection, and may use the same hosts. */
export const processResources: Resources = createResources();
