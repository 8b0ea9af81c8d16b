import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry cat IMAGE FILE` */
export async function cat(context: Context, given: ParsedArgs): Promise<void> {
  const [image = '', file = ''] = given.arguments;
  const options = { ...(await context.platform()), signal: context.signal };
  const client = await context.client();
  for await (const chunk of client.readFile(image, file, options)) await context.output.write(chunk);
}
