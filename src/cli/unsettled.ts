import { exit } from './exit.ts';
import { errorLine } from './failure.ts';
import type { Output } from './output.ts';

/**
 * Detects a command that nothing can settle any more. Node ends such a process with exit code 0. So the exit code is
 * that of a failure until the command has settled; `abandon` starts the cleanup, and an error is printed if that
 * settles nothing either. The returned function ends the watch.
 */
export function watchUnsettled(output: Output, abandon: (reason: Error) => void): () => void {
  const reason = new Error('the command is not done, and no work is left that could finish it');
  let isIdle = false;
  const onIdle = (): void => {
    if (!isIdle) abandon(reason);
    isIdle = true;
  };
  const onExit = (): void => {
    if (isIdle) output.note(`gantry: ${errorLine(reason)}`, 'error');
  };
  process.exitCode = exit.failed;
  process.on('beforeExit', onIdle);
  process.on('exit', onExit);
  return () => {
    process.off('beforeExit', onIdle);
    process.off('exit', onExit);
  };
}
