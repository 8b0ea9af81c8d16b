import type { AppendIndexOptions } from '../../client/append-index.ts';
import { parsePlace } from '../../client/place.ts';
import { InputError } from '../../errors.ts';
import type { Annotations } from '../../spec/descriptor.ts';
import { MediaType } from '../../spec/media-type.ts';
import { parsePlatform } from '../../spec/platform.ts';
import type { Context } from '../context.ts';
import { runIndexEdit } from '../edited.ts';
import { type GivenIndex, indexGiven } from '../given-index.ts';
import { keyValues } from '../key-values.ts';
import { readOption } from '../of-option.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry index create IMAGE...` */
export async function indexCreate(context: Context, given: ParsedArgs): Promise<void> {
  await addImages(context, given, undefined, given.arguments);
}

/** `gantry index append INDEX IMAGE...` */
export async function indexAppend(context: Context, given: ParsedArgs): Promise<void> {
  const [base, ...images] = given.arguments;
  await addImages(context, given, base === undefined ? undefined : indexGiven(base), images);
}

async function addImages(
  context: Context,
  given: ParsedArgs,
  base: GivenIndex | undefined,
  words: readonly string[],
): Promise<void> {
  const names = [...given.list('manifest'), ...words];
  if (names.length === 0) throw refused('name at least one image, as an argument or with --manifest (-m)');
  const results = ['tag', 'repo', 'output'];
  if (base === undefined && !results.some((option) => given.flag(option)))
    throw refused('a new index needs --tag (-t), --repo or --output (-o)');
  const options = optionsOf(given, base);
  const platforms = await context.platforms();
  const images = names.map(parsePlace);
  const client = await context.client();
  await runIndexEdit(context, given, base?.name, (result) =>
    client.appendIndex(images, { ...result, ...options, platforms }),
  );
}

/** Reads all options before anything is sent. */
function optionsOf(given: ParsedArgs, base: GivenIndex | undefined): AppendIndexOptions {
  if (given.flag('flatten') && given.flag('no-flatten'))
    throw refused('--flatten and --no-flatten exclude each other');
  const isDocker = given.flag('docker-empty-base');
  const ofNew = ['docker-empty-base', 'artifact-type', 'subject'].find((option) => given.flag(option));
  if (base !== undefined && ofNew !== undefined)
    throw refused(`--${ofNew} is for a new index, and INDEX is given`);
  const platform = given.text('entry-platform');
  return {
    base: base?.place,
    index: base?.index,
    flatten: !given.flag('no-flatten'),
    annotations: keyValues('annotation', given.values('annotation')),
    entryAnnotations: entryAnnotations(given),
    platform: platform === undefined ? undefined : readOption('entry-platform', platform, parsePlatform),
    mediaType: isDocker ? MediaType.dockerList : undefined,
    artifactType: given.text('artifact-type'),
    subject: given.text('subject'),
  };
}

function entryAnnotations(given: ParsedArgs): Annotations | undefined {
  const pairs = keyValues('entry-annotation', given.values('entry-annotation'));
  if (pairs === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(pairs).map(([key, value]) => {
      if (value === null) throw refused(`--entry-annotation sets annotations, and cannot remove "${key}"`);
      return [key, value];
    }),
  );
}

function refused(message: string): InputError {
  return new InputError('INVALID_OPTION', message);
}
