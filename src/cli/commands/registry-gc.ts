import type { Garbage } from '../../disk/garbage.ts';
import type { Context } from '../context.ts';
import { parseDuration } from '../duration.ts';
import { Failed } from '../exit.ts';
import { errorLine } from '../failure.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { formatBytes } from '../units.ts';

/** `gantry registry gc DIR`: removes unreferenced content, also while the store is being served. */
export async function registryGc(context: Context, given: ParsedArgs): Promise<void> {
  const [folder = ''] = given.arguments;
  const grace = given.text('grace');
  const dryRun = given.flag('dry-run');
  const { collectGarbage } = await import('../../disk/garbage.ts');
  const removed: unknown[] = [];
  let bytes = 0;
  let problems = 0;
  const garbage = collectGarbage(folder, {
    dryRun,
    untagged: given.flag('untagged'),
    grace: grace === undefined ? undefined : parseDuration(grace, 'grace'),
    onProblem({ repository, error }) {
      problems++;
      const where = repository === undefined ? '' : `${repository}: `;
      context.output.note(`${where}${errorLine(error)}; content that this may concern was kept`, 'warning');
    },
    signal: context.signal,
  });
  for await (const item of garbage) {
    if (item.kind === 'content' || item.kind === 'aside') bytes += item.size;
    if (context.json) removed.push(item);
    else await context.output.line(lineOf(item));
  }
  if (context.json) await context.result({ dryRun, bytes, removed });
  else context.output.note(`${formatBytes(bytes)} ${dryRun ? 'would be freed' : 'freed'}`);
  if (problems > 0) throw new Failed();
}

function lineOf(item: Garbage): string {
  if (item.kind === 'aside') return `${item.kind} ${item.path}`;
  const words = [item.kind, item.repository, item.digest];
  return words.filter((word) => word !== undefined).join(' ');
}
