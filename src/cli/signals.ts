import { constants } from 'node:os';

export interface Interruption {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP (the user, the system or a terminal that is closed), or by `abandon`. */
  readonly signal: AbortSignal;
  /** Has the command clean up and end with this reason as its error. */
  abandon(reason: Error): void;
  /** What the shell expects of a command that a signal ended, or undefined if none came. */
  exitCode(): number | undefined;
  stop(): void;
}

const watched = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The first signal asks the command to stop and clean up; the second one ends the process at once. */
export function watchSignals(): Interruption {
  const controller = new AbortController();
  let code: number | undefined;

  const onSignal = (name: NodeJS.Signals): void => {
    // A server with a log file opens that again, and goes on.
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
