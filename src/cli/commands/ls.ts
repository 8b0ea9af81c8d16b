import type { Context } from '../context.ts';
import { fullTag } from '../full-name.ts';
import { printNames } from '../listing.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry ls REPO` */
export async function ls(context: Context, given: ParsedArgs): Promise<void> {
  const [repository = ''] = given.arguments;
  const client = await context.client();
  const omit = given.flag('omit-digest-tags');
  await printNames(context, client.tags(repository, { signal: context.signal }), {
    keep: (tag) => !(omit && tag.startsWith('sha256-')),
    show: (tag) => (given.flag('full-ref') ? fullTag(repository, tag) : tag),
    value: (tags) => ({ repository, tags }),
  });
}
