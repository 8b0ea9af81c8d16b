import { constants } from 'node:os';

export interface Interruption {
  /**
   * Aborts at the first SIGINT, SIGTERM or SIGHUP (from the user, the system or a closed terminal), or by `abandon`.
   */
  readonly signal: AbortSignal;
  /** Ends the command with this reason as its error, after its cleanup. */
  abandon(reason: Error): void;
  /** Returns the exit code by the convention of shells after a signal; undefined if none came. */
  exitCode(): number | undefined;
  stop(): void;
}

const watched = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Lets the first signal stop the command and clean up, and the second one end the process at once. */
export function watchSignals(): Interruption {
  const controller = new AbortController();
  let code: number | undefined;

  const onSignal = (name: NodeJS.Signals): void => {
    // A server with a log file reopens the file and continues.
    if (name === 'SIGHUP' && process.listenerCount(name) > 1) return;
    if (code !== undefined) process.exit(code);
    code = 128 + constants.signals[name];
    controller.abort();
  };
  for (const name of watched) process.on(name, onSignal);

  return {
    signal: controller.signal,
    abandon: (reason) => controller.abort(reason),
    exitCode: () => code,
    stop() {
      for (const name of watched) process.off(name, onSignal);
    },
  };
}
