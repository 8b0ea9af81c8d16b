import type { Client } from '../../client/client.ts';
import type { CopyPlaceOptions } from '../../client/copy.ts';
import { admissionOf } from '../admission-options.ts';
import type { Context } from '../context.ts';
import { copyKeychain } from '../copy-logins.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { waiting } from '../waiting.ts';

/** `gantry copy SRC DST` */
export async function copy(context: Context, given: ParsedArgs): Promise<void> {
  const [source = '', destination = ''] = given.arguments;
  const platforms = await context.platforms();
  const jobs = given.count('jobs');
  const options: CopyPlaceOptions = {
    noClobber: given.flag('no-clobber'),
    referrers: given.flag('referrers'),
    sparse: given.flag('sparse'),
    replace: given.flag('replace'),
    repair: given.flag('repair'),
    platforms,
    admit: await admissionOf(given),
    // crane's default is 0, for any number.
    jobs: jobs === 0 ? undefined : jobs,
    ...waiting(context, given),
    signal: context.signal,
  };
  const client = await context.client(await copyKeychain(context, given));
  if (given.flag('all-tags')) return copyAll(context, client, { source, destination, options });
  const root = await context.follow((onEvent) => client.copy(source, destination, { ...options, onEvent }));
  await context.result({ source, destination, ...root });
}

interface Everything {
  readonly source: string;
  readonly destination: string;
  readonly options: CopyPlaceOptions;
}

async function copyAll(
  context: Context,
  client: Client,
  { source, destination, options }: Everything,
): Promise<void> {
  const tags: unknown[] = [];
  await context.follow(async (onEvent) => {
    for await (const copied of client.copyRepository(source, destination, { ...options, onEvent })) {
      if (copied.outcome === 'skipped') {
        context.output.note(
          `skipped ${copied.tag}: a repository lists it as a tag, but it is not a valid tag`,
          'warning',
        );
      } else context.output.note(`${copied.outcome} ${copied.tag} ${copied.digest}`);
      tags.push(copied);
    }
  });
  await context.result({ source, destination, tags });
}
