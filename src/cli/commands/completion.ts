import { InputError } from '../../errors.ts';
import { completionScript } from '../completion.ts';
import type { Context } from '../context.ts';
import type { Given } from '../given.ts';

/** `gantry completion SHELL` */
export async function completion(context: Context, given: Given): Promise<void> {
  const [shell = ''] = given.arguments;
  const levels = await context.vocabulary({ descriptions: !given.flag('no-descriptions') });
  const script = completionScript(shell, levels);
  if (script === undefined) {
    throw new InputError('INVALID_OPTION', `"${shell}" is not one of bash, zsh, fish, powershell`);
  }
  await context.output.write(script);
}
