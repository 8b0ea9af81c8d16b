import { TransportError } from '../../errors.ts';

/** Ends the silences of one exchange, with one timer for all of its chunks. */
export interface Idle {
  /** Resolves like `wait`, or rejects with STALLED and the message after the time. Only one wait at a time. */
  within<T>(wait: Promise<T>, message: string): Promise<T>;
  end(): void;
}

export function createIdle(milliseconds: number): Idle {
  let timer: NodeJS.Timeout | undefined;
  let stalled: (() => void) | undefined;
  return {
    within: (wait, message) =>
      new Promise((resolve, reject) => {
        stalled = () => reject(new TransportError('STALLED', message));
        timer = timer?.refresh() ?? setTimeout(() => stalled?.(), milliseconds);
        const settle = (): void => {
          stalled = undefined;
        };
        wait.finally(settle).then(resolve, reject);
      }),
    end: () => clearTimeout(timer),
  };
}
