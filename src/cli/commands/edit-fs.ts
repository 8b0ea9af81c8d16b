import { InputError } from '../../errors.ts';
import { editFile, maxFile } from '../../image/edit/file-edit.ts';
import type { Context } from '../context.ts';
import { runEdit } from '../edited.ts';
import { withEditor } from '../editor.ts';
import { layerOptions } from '../layer-options.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry edit fs IMAGE` */
export async function editFileOf(context: Context, given: ParsedArgs): Promise<void> {
  const [source = ''] = given.arguments;
  const path = given.text('filename');
  if (path === undefined) throw new InputError('INVALID_OPTION', 'edit fs needs --filename (-f)');
  const { history } = layerOptions(given);
  const client = await context.client();
  await withEditor(context, { name: path, limit: maxFile, isOwn: false }, async (edit) => {
    const change = async (before: Uint8Array | undefined): Promise<Uint8Array | undefined> => {
      const after = await edit(before ?? new Uint8Array(0));
      // An editor that was closed without a text makes no file.
      const isNothing = before === undefined && after.byteLength === 0 && process.stdin.isTTY;
      return isNothing ? undefined : after;
    };
    await runEdit(context, given, source, (options) =>
      client.edit(source, (image) => editFile(image, path, change, { history }), options),
    );
  });
}
