import type { Client } from '../../client/client.ts';
import type { DeleteOptions, Deletion, PruneOptions } from '../../client/prune.ts';
import { isGantryError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { parseDuration } from '../duration.ts';
import { exitCode, Failed } from '../exit.ts';
import { errorLine } from '../failure.ts';
import { shortened } from '../output.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry delete IMAGE...`, `gantry delete --match GLOB REPO...` */
export async function deleteReferences(context: Context, given: ParsedArgs): Promise<void> {
  const selection = selectionOf(given);
  const options = { dryRun: given.flag('dry-run'), signal: context.signal };
  const client = await context.client();
  const [only, ...others] = given.arguments;
  if (selection === undefined && !options.dryRun && only !== undefined && others.length === 0) {
    // The failure of a single reference is the failure of the command.
    await client.delete(only, { signal: context.signal });
    return context.result({ dryRun: false, deleted: [only], planned: [], kept: [], failed: [] });
  }
  const deletions =
    selection === undefined
      ? client.deleteEach(given.arguments, options)
      : pruneEach(client, given.arguments, { ...selection, ...options });
  await tell(context, deletions, { ...options, verbose: selection !== undefined || options.dryRun });
}

/**
 * Returns undefined if the arguments are references themselves.
 * @throws INVALID_OPTION for a wrong value
 */
function selectionOf(given: ParsedArgs): PruneOptions | undefined {
  const match = given.list('match');
  const olderThan = given.text('older-than');
  const keep = given.count('keep');
  if (match.length === 0 && olderThan === undefined && keep === undefined) return undefined;
  return {
    olderThan: olderThan === undefined ? undefined : parseDuration(olderThan, 'older-than'),
    match: match.length === 0 ? undefined : match,
    keep,
  };
}

/** The failure of a single repository is the failure of the command; that of one among several is one finding. */
async function* pruneEach(
  client: Client,
  repositories: readonly string[],
  options: PruneOptions,
): AsyncIterable<Deletion> {
  for (const repository of repositories) {
    try {
      yield* client.prune(repository, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (repositories.length === 1 || !isGantryError(error) || error.name === 'InputError') throw error;
      yield { reference: repository, outcome: 'failed', reason: error.message, error };
    }
  }
}

interface Telling extends DeleteOptions {
  /** Prints a line per deletion. For references named one by one, only failures are printed. */
  readonly verbose: boolean;
}

async function tell(
  context: Context,
  deletions: AsyncIterable<Deletion>,
  { dryRun = false, verbose }: Telling,
): Promise<void> {
  const told: Deletion[] = [];
  for await (const deletion of deletions) {
    told.push(deletion);
    const { error, reference } = deletion;
    if (error !== undefined) context.output.note(`gantry: ${reference}: ${errorLine(error)}`, 'error');
    else if (verbose && !context.json) await context.output.line(shortened(lineOf(deletion)));
  }
  if (verbose && told.length === 0) context.output.note('no tag matches: nothing to delete');
  if (context.json) await context.result({ dryRun, ...byOutcome(told) });
  const codes = new Set(told.flatMap(({ error }) => (error === undefined ? [] : [exitCode(error)])));
  const [code, ...otherCodes] = codes;
  if (code === undefined) return;
  // A partial failure has its own exit code; if all failed for one reason, that reason decides.
  throw new Failed(
    otherCodes.length === 0 && told.every(({ error }) => error !== undefined) ? code : undefined,
  );
}

function lineOf({ outcome, reference, reason }: Deletion): string {
  return `${outcome === 'planned' ? 'would delete' : outcome} ${reference}: ${reason}`;
}

function shown({ reference, digest, reason }: Deletion): unknown {
  return { reference, digest, reason };
}

function byOutcome(told: readonly Deletion[]): Record<Deletion['outcome'], unknown> {
  const of = (wanted: Deletion['outcome']): readonly Deletion[] =>
    told.filter(({ outcome }) => outcome === wanted);
  return {
    deleted: of('deleted').map(({ reference }) => reference),
    planned: of('planned').map(shown),
    kept: of('kept').map(shown),
    failed: of('failed').map(({ reference, error }) => ({
      reference,
      code: error?.code,
      message: error?.message,
    })),
  };
}
