import { createUploadJournal, type NotedUpload } from '../../client/upload-journal.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import { uploadsFolder } from '../state-folder.ts';
import { formatBytes } from '../units.ts';
import { uploadName } from '../upload-name.ts';

/** `gantry transfers ls` */
export async function transfersLs(context: Context): Promise<void> {
  const folder = uploadsFolder();
  const uploads = folder === undefined ? [] : await createUploadJournal(folder).list();
  const lines = columns(
    uploads.map((upload) => [uploadName(upload), formatBytes(upload.size), timeOf(upload)]),
  );
  await context.result({ uploads: uploads.map(shown) }, ...lines);
}

function shown(upload: NotedUpload): unknown {
  const { repository, digest, size } = upload;
  return { upload: uploadName(upload), repository, digest, size, noted: timeOf(upload) };
}

/** To the second, as in RFC 3339. */
function timeOf({ noted }: NotedUpload): string {
  return noted.toISOString().replace(/\.\d+Z$/, 'Z');
}
