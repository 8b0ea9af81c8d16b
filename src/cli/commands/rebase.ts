import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry rebase IMAGE` */
export async function rebaseImage(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const bases = { from: given.text('old_base'), to: given.text('new_base') };
  const client = await context.client();
  await runEdit(context, given, source, async ({ to, ...options }) =>
    client.rebase(source, { ...options, to, oldBase: bases.from, newBase: bases.to }),
  );
}
