import { configLimit } from '../../json/image-config.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import { withEditor } from '../editor.ts';
import { inLines } from '../json-editing.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry edit config IMAGE` */
export async function editConfig(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const client = await context.client();
  const editor = { name: 'config.json', limit: configLimit, isOwn: true };
  await withEditor(context, editor, async (typed) => {
    const edit = inLines(typed);
    await runEdit(context, given, source, (options) =>
      client.edit(
        source,
        async (image) => image.withRawConfig(await edit(await image.rawConfig(options))),
        options,
      ),
    );
  });
}
