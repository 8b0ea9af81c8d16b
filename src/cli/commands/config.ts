import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry config IMAGE`: prints the exact bytes, which are JSON. */
export async function config(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const options = { ...(await context.platform()), signal: context.signal };
  const client = await context.client();
  await context.output.write(await client.getConfig(image, options));
}
