import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry flatten IMAGE` */
export async function flattenImage(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const client = await context.client();
  await runEdit(context, given, source, (options) => client.flatten(source, options));
}
