import { type GantryError, InputError, isGantryError } from '../errors.ts';
import type { Digest } from '../spec/digest.ts';
import { tagPattern } from '../spec/glob.ts';
import { formatReference, type Reference } from '../spec/reference.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { toRepository } from './place.ts';
import { type Chosen, type Group, planPrune, type Selection } from './prune-plan.ts';

export interface DeleteOptions extends SignalOptions {
  /** Say what would be deleted, and delete nothing. Default false. */
  readonly dryRun?: boolean;
}

/** Which tags of a repository go; at least one of the first three is needed, and a tag has to fit all that are given. */
export interface PruneOptions extends DeleteOptions {
  /** Tags that match this pattern, or one of these: `*` stands for any characters, `?` for one. */
  readonly match?: string | readonly string[];
  /** Milliseconds: images that were made longer ago. One that does not say when it was made is kept. */
  readonly olderThan?: number;
  /** All images but this many, the newest of those that match. One that does not say when it was made is kept. */
  readonly keep?: number;
}

/** What became of one reference. */
export interface Deletion {
  /** With its registry, and a tag or a digest. */
  readonly reference: string;
  readonly digest?: Digest;
  /** `planned`: it would be deleted but for `dryRun`. */
  readonly outcome: 'deleted' | 'planned' | 'kept' | 'failed';
  /** A sentence's part that says why. */
  readonly reason: string;
  /** Of what `failed`. */
  readonly error?: GantryError;
}

/**
 * Deletes tags of a repository by their names and ages, yielding each as it is done. An image goes as a whole where no tag
 * that stays and no index that stays has it; otherwise the tag alone goes, and is kept where the registry can't delete tags.
 */
export async function* prune(
  connections: Connections,
  text: string,
  options: PruneOptions,
): AsyncIterable<Deletion> {
  const { dryRun = false, signal } = options;
  const selection = selectionOf(options);
  const reference = toRepository(text);
  const repository = connections.repository(reference, { actions: ['pull', 'push', 'delete'] });
  const { groups, kept } = await planPrune(repository, selection, { signal });
  for (const one of kept) {
    const { failure } = one;
    yield failure === undefined
      ? deletion(reference, one, 'kept')
      : deletion(reference, one, 'failed', { error: failure });
  }
  for (const group of groups) {
    if (dryRun) yield* group.tags.map((one) => deletion(reference, one, 'planned', planned(group)));
    else yield* await carryOut(repository, reference, group, { signal });
  }
}

/** Throws INVALID_OPTION. */
function selectionOf({ match, olderThan, keep }: PruneOptions): Selection {
  if (match === undefined && olderThan === undefined && keep === undefined) {
    throw new InputError('INVALID_OPTION', 'prune needs one of match, olderThan and keep');
  }
  const patterns = match === undefined ? undefined : [match].flat();
  const tests = patterns?.map(tagPattern);
  const ofAttachments = patterns?.filter((pattern) => /^sha(?:256|512)-/.test(pattern)).map(tagPattern);
  return {
    matches: (tag) => tests === undefined || tests.some((fits) => fits(tag)),
    attachments: (tag) => ofAttachments?.some((fits) => fits(tag)) ?? false,
    olderThan,
    keep,
  };
}

function planned({ digest, shared }: Group): { readonly note: string } {
  if (digest === undefined) return { note: 'the tag alone, with nothing behind it' };
  return shared === undefined
    ? { note: 'with the image' }
    : { note: `the tag alone, if the registry can delete tags: ${shared}` };
}

function deletion(
  reference: Reference,
  { tag, digest, reason }: Chosen,
  outcome: Deletion['outcome'],
  { note, error }: { readonly note?: string; readonly error?: GantryError } = {},
): Deletion {
  return {
    reference: formatReference({ ...reference, tag }),
    ...(digest === undefined ? {} : { digest }),
    outcome,
    reason: note === undefined ? reason : `${reason}; ${note}`,
    ...(error === undefined ? {} : { error }),
  };
}

/** One group; what fails is an outcome, so that the next group has its turn. */
async function carryOut(
  repository: Repository,
  reference: Reference,
  group: Group,
  options: SignalOptions,
): Promise<readonly Deletion[]> {
  const { digest, tags, shared } = group;
  const done: Deletion[] = [];
  try {
    if (digest !== undefined && shared === undefined) {
      await deleteWhole(repository, digest, tags, options);
      return tags.map((one) => deletion(reference, one, 'deleted', { note: 'with the image' }));
    }
  } catch (error) {
    return tags.map((one) => deletion(reference, one, 'failed', { error: ours(error, options) }));
  }
  for (const one of tags) {
    try {
      await repository.tags.delete(one.tag, options);
      done.push(
        deletion(reference, one, 'deleted', {
          note: `the tag alone${shared === undefined ? '' : `: ${shared}`}`,
        }),
      );
    } catch (error) {
      const known = ours(error, options);
      done.push(
        known.code === 'UNSUPPORTED' && shared !== undefined
          ? deletion(reference, one, 'kept', {
              note: `but ${shared}, and this registry can't delete a tag alone`,
            })
          : deletion(reference, one, 'failed', { error: known }),
      );
    }
  }
  return done;
}

/** Deletes an image with its tags. Registries that refuse while it has tags lose these first. */
async function deleteWhole(
  { manifests, tags }: Repository,
  digest: Digest,
  on: readonly Chosen[],
  options: SignalOptions,
): Promise<void> {
  const deleteTags = async (): Promise<void> => {
    for (const { tag } of on) await tags.delete(tag, options);
  };
  let refusal: GantryError | undefined;
  try {
    await manifests.delete(digest, options);
  } catch (error) {
    refusal = ours(error, options);
    if (refusal.name === 'TransportError') throw refusal;
  }
  if (refusal === undefined) {
    // crane's registry leaves the tags.
    const [first] = on;
    if (first !== undefined && (await manifests.resolve(first.tag, options))?.digest === digest)
      await deleteTags();
    return;
  }
  try {
    await deleteTags();
  } catch (error) {
    ours(error, options);
    throw refusal;
  }
  // A registry that deletes no manifests has done what it can.
  if (refusal.code !== 'UNSUPPORTED') await manifests.delete(digest, options);
}

/** A failure as a value. Throws an abort and what is no failure of the place. */
function ours(error: unknown, { signal }: SignalOptions): GantryError {
  signal?.throwIfAborted();
  if (!isGantryError(error)) throw error;
  return error;
}
