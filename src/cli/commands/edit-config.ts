import { configLimit } from '../../json/image-config.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import { openEditor } from '../editor.ts';
import { inLines } from '../json-editing.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry edit config IMAGE` */
export async function editConfig(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const edit = inLines(openEditor(context, { name: 'config.json', limit: configLimit, isOwn: true }));
  const client = await context.client();
  await runEdit(context, given, source, (options) =>
    client.edit(
      source,
      async (image) => image.withRawConfig(await edit(await image.rawConfig(options))),
      options,
    ),
  );
}
