import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry tag IMAGE TAG` */
export async function tag(context: Context, given: ParsedArgs): Promise<void> {
  const [image = '', name = ''] = given.arguments;
  const client = await context.client();
  const tagged = await client.tag(image, name, { signal: context.signal });
  await context.result({ image, tag: name, ...tagged });
}
