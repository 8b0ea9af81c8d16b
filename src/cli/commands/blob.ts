import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry blob REPO@DIGEST`: fails at the end if the bytes do not match the digest. */
export async function blob(context: Context, given: ParsedArgs): Promise<void> {
  const [reference = ''] = given.arguments;
  const client = await context.client();
  for await (const chunk of client.openBlob(reference).open({ signal: context.signal })) {
    await context.output.write(chunk);
  }
}
