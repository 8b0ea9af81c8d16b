import type { WaitOptions } from '../client/open.ts';
import type { Context } from './context.ts';
import type { Given } from './given.ts';

/** Reads --no-wait, and prints a line while another process is awaited. */
export function waiting({ output }: Context, given: Given): Required<WaitOptions> {
  return { noWait: given.flag('no-wait'), onWait: (reason) => output.note(`gantry: ${reason}`, 'dim') };
}
