import { InputError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry flatten IMAGE` */
export async function flattenImage(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  if (given.flag('keep') && (given.flag('keep-base') || given.flag('base')))
    throw new InputError('INVALID_OPTION', '--keep excludes --keep-base and --base');
  const base = given.text('base');
  const keep = given.count('keep');
  const keepBase = base === undefined && given.flag('keep-base');
  const client = await context.client();
  await runEdit(context, given, source, (options) =>
    client.flatten(source, { ...options, keep, base, keepBase }),
  );
}
