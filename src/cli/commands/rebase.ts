import type { EditedImage } from '../../client/edit.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import { Failed } from '../exit.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry rebase IMAGE` */
export async function rebaseImage(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const bases = { from: given.text('old_base'), to: given.text('new_base') };
  const isCheck = given.flag('check');
  const client = await context.client();
  const edited = await runEdit(
    context,
    given,
    source,
    async ({ to, dryRun, ...options }) =>
      client.rebase(source, {
        ...options,
        to,
        dryRun: dryRun === true || isCheck,
        oldBase: bases.from,
        newBase: bases.to,
      }),
    (result) => (isCheck ? { isCurrent: isCurrent(result) } : {}),
  );
  if (!isCheck || isCurrent(edited)) return;
  context.output.note(`gantry: ${source} is not on the newest base: rebase it`, 'error');
  throw new Failed();
}

function isCurrent({ before, descriptor }: EditedImage): boolean {
  return before?.digest === descriptor.digest;
}
