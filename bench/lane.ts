import type { Socket } from 'node:net';

/** The limits of one direction of a connection. */
export interface LaneOptions {
  /** The time from sending a byte to its arrival, in milliseconds. */
  readonly delay: number;
  /** Bytes a second; infinite without a limit. */
  readonly bandwidth: number;
  /** The time at which the first byte may leave, by `performance.now()`. */
  readonly opens: number;
  /** Is called with every chunk. The lane continues when the promise resolves. */
  readonly watch: (chunk: Buffer) => Promise<void> | undefined;
}

/** The bytes that may be on their way in one lane: more than a gigabit a second at 50 ms needs. */
const underWay = 32 * 1024 * 1024;

/** The seconds that a lane can bridge with the bytes that it has, when this process is late. */
const slack = 0.25;

/**
 * Carries the bytes of `from` to `to`, each delayed and no faster than the bandwidth. The delay does not reduce the
 * throughput, since enough bytes may be on their way.
 */
export function startLane(from: Socket, to: Socket, { delay, bandwidth, opens, watch }: LaneOptions): void {
  const queue: { readonly at: number; readonly chunk: Buffer | undefined }[] = [];
  const room = Number.isFinite(bandwidth) ? bandwidth * (delay / 1000 + slack) : underWay;
  let queued = 0;
  let free = opens;
  let timer: NodeJS.Timeout | undefined;
  let blocked = false;
  let watching = false;
  let ended = false;

  const deliver = (): void => {
    timer = undefined;
    for (let next = queue[0]; next !== undefined && !blocked; next = queue[0]) {
      const wait = next.at - performance.now();
      if (wait > 0.2) {
        timer = setTimeout(deliver, wait);
        break;
      }
      queue.shift();
      if (next.chunk === undefined) to.end();
      else {
        queued -= next.chunk.length;
        blocked = !to.write(next.chunk);
      }
    }
    if (queued < room && !watching) from.resume();
  };
  const push = (chunk: Buffer | undefined): void => {
    const length = chunk?.length ?? 0;
    free = Math.max(free, performance.now()) + (length / bandwidth) * 1000;
    queue.push({ at: free + delay, chunk });
    queued += length;
    if (queued >= room) from.pause();
    if (timer === undefined && !blocked) deliver();
  };

  from.on('data', (chunk: Buffer) => {
    const watched = watch(chunk);
    if (watched === undefined) return push(chunk);
    watching = true;
    from.pause();
    void watched.then(() => {
      watching = false;
      push(chunk);
      if (ended) push(undefined);
      else if (queued < room) from.resume();
    });
  });
  // A socket emits its end even while it is paused.
  from.on('end', () => {
    ended = true;
    if (!watching) push(undefined);
  });
  to.on('drain', () => {
    blocked = false;
    if (timer === undefined) deliver();
  });
}
