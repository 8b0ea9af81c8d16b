import type { Socket } from 'node:net';

/** How one direction of a connection is held back. */
export interface LaneOptions {
  /** Milliseconds that every byte is under way. */
  readonly delay: number;
  /** Bytes a second; infinite where it isn't limited. */
  readonly bandwidth: number;
  /** When the first byte may leave, by `performance.now()`. */
  readonly opens: number;
  /** Sees every chunk as it comes; the lane goes on when this is done. */
  readonly watch: (chunk: Buffer) => Promise<void> | undefined;
}

/** What may be under way in one lane: enough for a gigabit second at 50 ms and more. Bytes. */
const underWay = 32 * 1024 * 1024;

/** How long a lane can go on by what it has, when this process is late. Seconds. */
const slack = 0.25;

/**
 * Carries what `from` sends to `to`, each byte later by the delay and no faster than the bandwidth. The delay takes
 * nothing from the throughput: as much is under way as it needs.
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
  // A socket tells of its end even while it is paused.
  from.on('end', () => {
    ended = true;
    if (!watching) push(undefined);
  });
  to.on('drain', () => {
    blocked = false;
    if (timer === undefined) deliver();
  });
}
