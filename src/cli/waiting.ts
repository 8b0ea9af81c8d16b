import type { WaitOptions } from '../client/open.ts';
import type { Context } from './context.ts';
import type { ParsedArgs } from './parsed-args.ts';

/** Reads --no-wait, and prints a line while another process is awaited. */
export function waiting({ output }: Context, given: ParsedArgs): Required<WaitOptions> {
  return { noWait: given.flag('no-wait'), onWait: (reason) => output.note(`gantry: ${reason}`, 'dim') };
}
