import type { Context } from '../context.ts';
import type { Given } from '../given.ts';

/** `gantry tag IMAGE TAG` */
export async function tag(context: Context, given: Given): Promise<void> {
  const [image = '', name = ''] = given.arguments;
  const client = await context.client();
  const tagged = await client.tag(image, name, { signal: context.signal });
  await context.result({ image, tag: name, ...tagged });
}
