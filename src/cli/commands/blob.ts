import type { Context } from '../context.ts';
import type { Given } from '../given.ts';

/** `gantry blob REPO@DIGEST`: fails at the end if the bytes do not match the digest. */
export async function blob(context: Context, given: Given): Promise<void> {
  const [reference = ''] = given.arguments;
  const client = await context.client();
  for await (const chunk of client.openBlob(reference).open({ signal: context.signal })) {
    await context.output.write(chunk);
  }
}
