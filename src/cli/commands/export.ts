import { InputError } from '../../errors.ts';
import { gathered } from '../../flow/gather.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry export IMAGE [FILE]`. The file appears when it is whole. */
export async function exportFiles(context: Context, given: ParsedArgs): Promise<void> {
  const [image = '', file = '-'] = given.arguments;
  const options = { ...(await context.platform()), signal: context.signal };
  if (file === '-' && context.json) {
    throw new InputError(
      'INVALID_OPTION',
      "stdout can't hold both the tar and the result of --json: name a FILE",
    );
  }
  const client = await context.client();
  const bytes = client.exportImage(image, options);
  if (file === '-') {
    for await (const chunk of gathered(bytes)) await context.output.write(chunk);
    return;
  }
  const { writeWhole } = await import('../../archive/target-file.ts');
  await writeWhole(file, bytes);
  await context.result({ image, file });
}
