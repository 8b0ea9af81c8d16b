import { InputError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import { layerOptions } from '../layer-options.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry append -f FILE -t DST` */
export async function append(context: Context, given: ParsedArgs): Promise<void> {
  const files = given.list('new_layer');
  const base = given.text('base');
  if (files.length === 0) throw new InputError('INVALID_OPTION', 'append needs --new_layer (-f)');
  if (base !== undefined && given.flag('oci-empty-base'))
    throw new InputError('INVALID_OPTION', '--oci-empty-base excludes --base');
  const options = {
    base,
    ...layerOptions(given),
    baseAnnotations: given.flag('set-base-image-annotations'),
  };
  const client = await context.client();
  await runEdit(context, given, base, (edit) => client.append(files, { ...edit, ...options }));
}
