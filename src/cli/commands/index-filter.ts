import type { IndexEdit } from '../../client/edit-index.ts';
import { InputError } from '../../errors.ts';
import { parseDigest } from '../../spec/digest.ts';
import { parsePlatform } from '../../spec/platform.ts';
import { parsePlatformPattern } from '../../spec/platform-pattern.ts';
import type { Context } from '../context.ts';
import { runIndexEdit } from '../edited.ts';
import { indexGiven } from '../given-index.ts';
import { keyValues } from '../key-values.ts';
import { readOption } from '../of-option.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry index remove INDEX` */
export async function indexRemove(context: Context, given: ParsedArgs): Promise<void> {
  const platforms = given.list('platform').map((text) => readOption('platform', text, parsePlatform));
  const digests = given.list('digest').map((text) => readOption('digest', text, parseDigest));
  if (platforms.length === 0 && digests.length === 0)
    throw new InputError('INVALID_OPTION', 'index remove needs --platform or --digest');
  await changeIndex(context, given, (index) => {
    const rest = digests.length === 0 ? index : index.withoutDigests(digests);
    return platforms.length === 0 ? rest : rest.withoutPlatforms(platforms);
  });
}

/** `gantry index filter INDEX` */
export async function indexFilter(context: Context, given: ParsedArgs): Promise<void> {
  const patterns = given.list('platform').map((text) => readOption('platform', text, parsePlatformPattern));
  if (patterns.length === 0) throw new InputError('INVALID_OPTION', 'index filter needs --platform');
  await changeIndex(context, given, (index) => index.withOnlyPlatforms(patterns));
}

async function changeIndex(context: Context, given: ParsedArgs, change: IndexEdit): Promise<void> {
  const [text = ''] = given.arguments;
  const annotations = keyValues('annotation', given.values('annotation'));
  const { place, index, name } = indexGiven(text);
  const client = await context.client();
  await runIndexEdit(context, given, name, (options) =>
    client.editIndex(place, change, { ...options, annotations, index }),
  );
}
