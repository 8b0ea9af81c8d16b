import { resolve } from 'node:path';
import { NotFoundError } from '../../errors.ts';
import { lookAt } from '../../files/files.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { formatBytes } from '../units.ts';
import { waiting } from '../waiting.ts';

/** `gantry layout gc DIR`: removes the blobs that no image of a layout needs. */
export async function layoutGc(context: Context, given: ParsedArgs): Promise<void> {
  const [folder = ''] = given.arguments;
  const dryRun = given.flag('dry-run');
  const { signal } = context;
  // A writer would make the layout.
  if ((await lookAt(resolve(folder, 'index.json'))) === undefined)
    throw new NotFoundError('NAME_UNKNOWN', `${folder} is no layout: it has no file index.json`);
  const { openLayout } = await import('../../layout/repository.ts');
  const { onWait } = waiting(context, given);
  const mode = dryRun ? 'read' : 'write';
  await using layout = await openLayout(folder, { mode, wait: Number.POSITIVE_INFINITY, onWait, signal });
  const removed = await layout.collectGarbage({ dryRun, signal });
  if (!dryRun && removed.length > 0) await layout.commit({ signal });
  const bytes = removed.reduce((sum, { size }) => sum + size, 0);
  await context.result({ dryRun, bytes, removed }, ...removed.map(({ digest }) => digest));
  if (!context.json) context.output.note(`${formatBytes(bytes)} ${dryRun ? 'would be freed' : 'freed'}`);
}
