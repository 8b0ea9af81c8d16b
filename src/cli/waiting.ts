import type { WaitOptions } from '../client/open.ts';
import type { Context } from './context.ts';
import type { Given } from './given.ts';

/** --no-wait, and a word to the user where another process is waited for. */
export function waiting({ output }: Context, given: Given): Required<WaitOptions> {
  return { noWait: given.flag('no-wait'), onWait: (reason) => output.note(`gantry: ${reason}`, 'dim') };
}
