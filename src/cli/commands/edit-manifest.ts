import { manifestLimit } from '../../json/manifest.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import { withEditor } from '../editor.ts';
import { inLines } from '../json-editing.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry edit manifest IMAGE` */
export async function editManifestOf(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const mediaType = given.text('media-type');
  const client = await context.client();
  const editor = { name: 'manifest.json', limit: manifestLimit, isOwn: true };
  await withEditor(context, editor, async (typed) => {
    const edit = inLines(typed);
    await runEdit(context, given, source, (options) =>
      client.editManifest(source, ({ bytes }) => edit(bytes), { ...options, mediaType }),
    );
  });
}
