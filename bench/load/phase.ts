/** The results of the load in one phase. */
export interface Figures {
  readonly phase: string;
  readonly clients: number;
  /** The time from the first request to the last response. */
  readonly seconds: number;
  readonly operations: number;
  readonly requests: number;
  readonly bytes: number;
  /** The median time of an operation, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  readonly firstError?: string;
}

/** The result of one operation. */
export interface Done {
  readonly requests: number;
  readonly bytes: number;
}

export interface PhaseOptions {
  readonly phase: string;
  readonly clients: number;
  /** No operation begins later. Those that run may end. */
  readonly seconds: number;
  /** No operation begins after this number of bytes. */
  readonly limit: number;
}

/** Runs clients that each do one operation after another. A client ends when `operation` has no work for it. */
export async function runPhase(
  { phase, clients, seconds, limit }: PhaseOptions,
  operate: () => Promise<Done | undefined>,
): Promise<Figures> {
  const times: number[] = [];
  const total = { requests: 0, bytes: 0 };
  const errors: string[] = [];
  const began = performance.now();
  const isOver = (): boolean => performance.now() - began > seconds * 1000 || total.bytes > limit;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (!isOver()) {
        const from = performance.now();
        try {
          const done = await operate();
          if (done === undefined) break;
          total.requests += done.requests;
          total.bytes += done.bytes;
          times.push(performance.now() - from);
        } catch (error) {
          errors.push(error instanceof Error ? error.message : String(error));
          // A client that the server always refuses would otherwise loop for ever.
          if (errors.length > 1000) break;
        }
      }
    }),
  );
  times.sort((a, b) => a - b);
  const at = (part: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
  return {
    phase,
    clients,
    seconds: (performance.now() - began) / 1000,
    operations: times.length,
    ...total,
    p50: at(0.5),
    p99: at(0.99),
    errors: errors.length,
    ...(errors[0] === undefined ? {} : { firstError: errors[0] }),
  };
}
