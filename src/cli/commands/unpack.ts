import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** Lines about parts that are left out. More would hide the first ones. */
const maxNotes = 10;

/** `gantry unpack IMAGE DIR` */
export async function unpack(context: Context, given: ParsedArgs): Promise<void> {
  const [image = '', directory = ''] = given.arguments;
  const sameOwner = given.flag('same-owner');
  const options = { ...(await context.platform()), sameOwner, signal: context.signal };
  const client = await context.client();
  const { entries, bytes, leftOut } = await client.unpack(image, directory, options);
  for (const { path, part } of leftOut.slice(0, maxNotes)) {
    context.output.note(`left out: ${part} of ${path}`, 'warning');
  }
  const others = leftOut.length - maxNotes;
  if (others > 0) context.output.note(`left out ${others} more; --json lists all`, 'warning');
  await context.result({ image, directory, entries, bytes, leftOut });
}
