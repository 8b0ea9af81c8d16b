/** What the load of one phase came to. */
export interface Figures {
  readonly phase: string;
  readonly clients: number;
  /** From the first question to the last answer. */
  readonly seconds: number;
  readonly operations: number;
  readonly requests: number;
  readonly bytes: number;
  /** Milliseconds that an operation took. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
  readonly firstError?: string;
}

/** What one operation did. */
export interface Done {
  readonly requests: number;
  readonly bytes: number;
}

export interface PhaseOptions {
  readonly phase: string;
  readonly clients: number;
  /** No operation begins after this; those that run are let end. */
  readonly seconds: number;
  /** As no operation begins after so many bytes. */
  readonly limit: number;
}

/** Clients that each do one operation after the other; one that has nothing to do is done. */
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
          // Who is refused everything would turn in this loop for ever.
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
