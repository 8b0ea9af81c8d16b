import { createUploadJournal } from '../../client/upload-journal.ts';
import { InputError } from '../../errors.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { uploadsFolder } from '../state-folder.ts';
import { uploadName } from '../upload-name.ts';

/** `gantry transfers rm UPLOAD...`, `gantry transfers rm --all` */
export async function transfersRm(context: Context, given: ParsedArgs): Promise<void> {
  const isAll = given.flag('all');
  const names = new Set(given.arguments);
  if (isAll === names.size > 0) {
    throw new InputError(
      'INVALID_OPTION',
      'name the uploads to forget, as "gantry transfers ls" shows them, or give --all',
    );
  }
  const folder = uploadsFolder();
  const journal = folder === undefined ? undefined : createUploadJournal(folder, { least: 0 });
  const noted = (await journal?.list()) ?? [];
  const known = new Set(noted.map(uploadName));
  const missing = [...names].find((name) => !known.has(name));
  if (missing !== undefined) {
    const advice = '"gantry transfers ls" lists all of them';
    throw new InputError(
      'INVALID_OPTION',
      `there is no note of an upload ${JSON.stringify(missing)}: ${advice}`,
    );
  }
  const forgotten = noted.filter((upload) => isAll || names.has(uploadName(upload)));
  for (const upload of forgotten) await journal?.forget(upload);
  const lines = [...new Set(forgotten.map(uploadName))];
  await context.result({ forgotten: lines }, ...lines.map((name) => `forgot ${name}`));
}
