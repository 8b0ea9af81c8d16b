import type { HttpRequest, Send } from '../../src/wire/message.ts';

export interface Count {
  readonly requests: number;
  /** Answers that had to be waited for one after the other. */
  readonly depth: number;
  /** What was asked in each round, e.g. `HEAD blob`, sorted. */
  readonly rounds: readonly (readonly string[])[];
}

/**
 * A proxy that answers in rounds: it holds every answer until no new request has come for a while, then releases all
 * that are ready. So what a client asks at once falls into one round, and the number of rounds is the depth of what it
 * does, on any machine and however slow. Put the same one in front of all registries that take part.
 */
export interface Rounds {
  readonly proxy: (send: Send) => Send;
  /** What came since the last time, and begins anew. */
  take(): Count;
}

/** What holds the answers, for whoever stands between a client and its registries. */
export interface RoundGate extends Pick<Rounds, 'take'> {
  /** A request has come. */
  ask(request: Pick<HttpRequest, 'method' | 'url'>): void;
  /** Its answer is there: resolves when it may go on. */
  hold(): Promise<void>;
}

/**
 * Milliseconds without a request after which nobody is expected to ask more without an answer: more than a copy gives its
 * destination before it asks more (`headStart`).
 */
const quiet = 160;
/** Turns of the event loop in which what a timer of the client has just set off arrives here. */
const turns = 5;

export function createRoundGate(): RoundGate {
  let rounds: string[][] = [];
  let asked: string[] = [];
  let held: (() => void)[] = [];
  let timer: NodeJS.Timeout | undefined;

  const wait = (): void => {
    clearTimeout(timer);
    const before = performance.eventLoopUtilization();
    timer = setTimeout(() => {
      // Only time in which this process had nothing to do counts: on a busy machine the rest may be the client's, which
      // has not yet come to ask what it is going to.
      const { idle } = performance.eventLoopUtilization(before);
      if (idle < quiet * 0.8) wait();
      else settle(asked.length, turns);
    }, quiet);
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
