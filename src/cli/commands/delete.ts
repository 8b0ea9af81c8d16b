import type { Context } from '../context.ts';
import type { Given } from '../given.ts';

/** `gantry delete IMAGE` */
export async function deleteReference(context: Context, given: Given): Promise<void> {
  const [image = ''] = given.arguments;
  const client = await context.client();
  await client.delete(image, { signal: context.signal });
  await context.result({ deleted: image });
}
