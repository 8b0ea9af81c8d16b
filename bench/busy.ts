import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';

/** Keeps every core busy with a program that only computes, until it is disposed. */
export function keepCoresBusy(): Disposable {
  const programs = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  const end = (): void => {
    for (const program of programs) program.kill('SIGKILL');
  };
  process.once('exit', end);
  return {
    [Symbol.dispose](): void {
      process.off('exit', end);
      end();
    },
  };
}
