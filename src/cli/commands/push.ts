import { writeFile } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { fullDigest } from '../full-name.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry push PATH IMAGE` */
export async function push(context: Context, given: ParsedArgs): Promise<void> {
  const [path = '', image = ''] = given.arguments;
  const platforms = await context.platforms();
  const client = await context.client();
  const root = await context.follow((onEvent) =>
    client.push(path, image, {
      index: given.flag('index'),
      repair: given.flag('repair'),
      platforms,
      onEvent,
      signal: context.signal,
    }),
  );
  const reference = fullDigest(image, root.digest);
  const file = given.text('image-refs');
  // Printed before the file is written, since the push has succeeded even if the file fails.
  await context.result({ reference, ...root }, reference);
  // Without a line feed, as in crane.
  if (file !== undefined) await writeFile(file, reference);
}
