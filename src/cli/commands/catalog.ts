import type { Context } from '../context.ts';
import { fullRepository } from '../full-name.ts';
import { printNames } from '../listing.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry catalog REGISTRY` */
export async function catalog(context: Context, given: ParsedArgs): Promise<void> {
  const [registry = ''] = given.arguments;
  const client = await context.client();
  await printNames(context, client.catalog(registry, { signal: context.signal }), {
    show: (name) => (given.flag('full-ref') ? fullRepository(registry, name) : name),
    value: (repositories) => ({ registry, repositories }),
  });
}
