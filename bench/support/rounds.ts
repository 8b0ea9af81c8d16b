import type { HttpRequest, Send } from '../../src/wire/message.ts';

export interface Count {
  readonly requests: number;
  /** The number of responses that the client waited for one after another. */
  readonly depth: number;
  /** The requests of each round, such as `HEAD blob`, sorted. */
  readonly rounds: readonly (readonly string[])[];
}

/**
 * A proxy that answers in rounds: it holds every response until no new request has arrived for a while, then releases
 * all that are ready. Requests that a client sends together fall into one round, so the number of rounds is the depth
 * of the client's work, on any machine at any speed. Put the same one in front of all registries that take part.
 */
export interface Rounds {
  readonly proxy: (send: Send) => Send;
  /** Returns the requests since the last call. */
  take(): Count;
}

/** Holds the responses for a program between a client and its registries. */
export interface RoundGate extends Pick<Rounds, 'take'> {
  /** Notes an arrived request. */
  ask(request: Pick<HttpRequest, 'method' | 'url'>): void;
  /** Resolves when its response, which is ready, may continue. */
  hold(): Promise<void>;
}

/**
 * Milliseconds without a request after which the gate expects no request before a response: more than a copy gives its
 * destination before it sends more (`headStart`).
 */
const quiet = 160;
/**
 * The same for the first round. There a copy may give its destination three times the time that its source took
 * (`patienceFor`), which is more on a busy machine, and never waits longer than a second for an image that it knows.
 */
const firstQuiet = 450;
/**
 * Milliseconds for a timer that a client sets when its own one is late, as `copy/soon` does: on a busy machine its first timer and
 * that of the gate can end in one turn of the event loop.
 */
const again = 10;
/**
 * Turns of the event loop in which a request that a timer of the client has just started arrives here. A new connection
 * takes five of them, and on a busy machine both timers end in one turn.
 */
const turns = 25;

export function createRoundGate(): RoundGate {
  let rounds: string[][] = [];
  let asked: string[] = [];
  let held: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  const wait = (): void => {
    clearTimeout(timer);
    const pause = rounds.length === 0 ? firstQuiet : quiet;
    const before = performance.eventLoopUtilization();
    timer = setTimeout(() => {
      // Only idle time of this process counts: on a busy machine the rest may be time in which the client, which shares
      // it, has not yet sent its requests.
      const { idle } = performance.eventLoopUtilization(before);
      if (idle < pause * 0.8) wait();
      else timer = setTimeout(settle, again, asked.length, turns);
    }, pause);
  };

  const settle = (count: number, left: number): void => {
    if (asked.length !== count) return;
    if (left > 0) setImmediate(() => settle(count, left - 1));
    else if (held.length > 0) release();
  };

  const release = (): void => {
    const free = held;
    held = [];
    rounds.push(asked.toSorted());
    asked = [];
    for (const go of free) go();
  };

  return {
    ask(request) {
      asked.push(nameOf(request));
      wait();
    },
    hold: () =>
      new Promise<void>((resolve) => {
        held.push(resolve);
        wait();
      }),
    take() {
      const count = { requests: rounds.flat().length, depth: rounds.length, rounds };
      rounds = [];
      return count;
    },
  };
}

export function createRounds(): Rounds {
  const gate = createRoundGate();
  return {
    proxy: (send) => async (request) => {
      gate.ask(request);
      const response = await send(request);
      await gate.hold();
      return response;
    },
    take: gate.take,
  };
}

function nameOf({ method, url }: Pick<HttpRequest, 'method' | 'url'>): string {
  const [path = ''] = url.split('?');
  const noun = /\/(manifests|blobs\/uploads|blobs|tags|referrers|token)(?:\/|$)/.exec(path)?.[1] ?? 'root';
  return `${method} ${noun}`;
}
