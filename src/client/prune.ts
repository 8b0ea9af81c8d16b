import { type GantryError, InputError, isGantryError } from '../errors.ts';
import type { Digest } from '../spec/digest.ts';
import { tagPattern } from '../spec/glob.ts';
import { given } from '../spec/options.ts';
import { formatReference, type Reference } from '../spec/reference.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { toRepository } from './place.ts';
import { type Chosen, type Group, planPrune, type Selection } from './prune-plan.ts';

/** Settings for deleting several references. */
export interface DeleteOptions extends SignalOptions {
  /**
   * Yields the planned deletions and deletes nothing.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean | undefined;
}

/** The selection of tags to delete. At least one of `match`, `olderThan` and `keep` is needed; a tag must meet all given. */
export interface PruneOptions extends DeleteOptions {
  /** Selects tags that match one of the patterns: `*` stands for any characters, `?` for one. */
  readonly match?: string | readonly string[] | undefined;
  /** Selects images made more than this many milliseconds ago. An image without a time stays. */
  readonly olderThan?: number | undefined;
  /** Selects all images but this many, the newest of those that match. An image without a time stays. */
  readonly keep?: number | undefined;
}

/** The outcome for one reference. */
export interface Deletion {
  /** The full name, with a tag or a digest. */
  readonly reference: string;
  /** The digest behind the reference, if gantry knows it. */
  readonly digest?: Digest;
  /** `planned`: with `dryRun`, in place of `deleted`. */
  readonly outcome: 'deleted' | 'planned' | 'kept' | 'failed';
  /** The reason, as a part of a sentence. */
  readonly reason: string;
  /** The error of a `failed` deletion. */
  readonly error?: GantryError;
}

/**
 * Deletes tags of a repository by their names and ages, and yields each outcome. An image goes as a whole if no remaining
 * tag or index needs it. Otherwise the tag alone goes, or stays where the registry cannot delete tags.
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

/** @throws INVALID_OPTION when the options select nothing */
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
  return given({
    reference: formatReference({ ...reference, tag }),
    digest,
    outcome,
    reason: note === undefined ? reason : `${reason}; ${note}`,
    error,
  });
}

/** Deletes one group. A failure is an outcome, so the next group follows. */
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

/** Deletes an image with its tags. If the registry refuses because of the tags, they go first. */
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
    // crane's registry keeps the tags of a deleted manifest.
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
  // A registry that deletes no manifests can do no more.
  if (refusal.code !== 'UNSUPPORTED') await manifests.delete(digest, options);
}

/** Returns a failure of the place as a value. Throws an abort, and every other error. */
function ours(error: unknown, { signal }: SignalOptions): GantryError {
  signal?.throwIfAborted();
  if (!isGantryError(error)) throw error;
  return error;
}
