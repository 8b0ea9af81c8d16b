import { InputError } from '../../errors.ts';
import { completionScript } from '../completion.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry completion SHELL` */
export async function completion(context: Context, given: ParsedArgs): Promise<void> {
  const [shell = ''] = given.arguments;
  const levels = await context.completionLevels({ descriptions: !given.flag('no-descriptions') });
  const script = completionScript(shell, levels);
  if (script === undefined) {
    throw new InputError('INVALID_OPTION', `unknown shell "${shell}": use bash, zsh, fish or powershell`);
  }
  await context.output.write(script);
}
