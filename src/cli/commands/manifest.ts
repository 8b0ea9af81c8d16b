import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry manifest IMAGE`: prints the exact bytes, which are JSON. */
export async function manifest(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const options = { ...(await context.platform()), signal: context.signal };
  const client = await context.client();
  const { bytes } = await client.getRawManifest(image, options);
  await context.output.write(bytes);
}
