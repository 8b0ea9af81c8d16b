import { isGantryError, NotFoundError } from '../errors.ts';
import { enclosed } from '../flow/abort.ts';
import { createPool } from '../flow/pool.ts';
import { formatReference, isTag, type Reference } from '../spec/reference.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { type Place, toReference } from './place.ts';
import type { DeleteOptions, Deletion } from './prune.ts';

/**
 * Deletes a tag alone, or a digest with every tag on it.
 * @throws MANIFEST_UNKNOWN when there is nothing to delete
 */
export async function deleteManifest(
  connections: Connections,
  place: string | Place,
  options: SignalOptions = {},
): Promise<void> {
  await deleteOne(open(connections, parse(place)), options);
}

/**
 * Deletes several references in order, as `deleteManifest` does. A failure is an outcome, and the next reference follows.
 * With `dryRun` gantry looks for each, and names the tags that would go with a digest.
 */
export async function* deleteEach(
  connections: Connections,
  places: readonly (string | Place)[],
  { dryRun = false, signal }: DeleteOptions = {},
): AsyncIterable<Deletion> {
  // gantry parses all references before the first deletion, so a misspelled one deletes nothing.
  const references = places.map(parse);
  for (const reference of references) {
    const target = open(connections, reference);
    const name = formatReference(reference);
    const digest = reference.digest === undefined ? {} : { digest: reference.digest };
    try {
      if (dryRun) {
        yield { reference: name, ...(await lookAt(target, { signal })), outcome: 'planned' };
      } else {
        await deleteOne(target, { signal });
        const reason = reference.digest === undefined ? 'the tag alone' : 'with every tag on it';
        yield { reference: name, ...digest, outcome: 'deleted', reason };
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (!isGantryError(error)) throw error;
      yield { reference: name, ...digest, outcome: 'failed', reason: error.message, error };
    }
  }
}

interface Target {
  readonly reference: Reference;
  readonly repository: Repository;
}

function parse(place: string | Place): Reference {
  return toReference(place, 'an image in a registry');
}

function open(connections: Connections, reference: Reference): Target {
  // Some registries require the right to delete, Quay the right to push.
  const actions = ['pull', 'push', 'delete'] as const;
  const repository = connections.repository(reference, { actions });
  return { reference, repository };
}

async function deleteOne({ reference, repository }: Target, options: SignalOptions): Promise<void> {
  const { digest, tag = 'latest' } = reference;
  const deleted =
    digest === undefined
      ? await repository.tags.delete(tag, options)
      : await repository.manifests.delete(digest, options);
  if (!deleted) throw nothingThere(reference);
}

function nothingThere(reference: Reference): NotFoundError {
  return new NotFoundError('MANIFEST_UNKNOWN', `${formatReference(reference)}: there is nothing to delete`);
}

/** The number of concurrent questions to the registry. */
const atOnce = 8;

async function lookAt(
  { reference, repository: { manifests, tags } }: Target,
  options: SignalOptions,
): Promise<Pick<Deletion, 'digest' | 'reason'>> {
  const { digest, tag = 'latest' } = reference;
  const found = await manifests.resolve(digest ?? tag, options);
  if (found === undefined) throw nothingThere(reference);
  if (digest === undefined) return { digest: found.digest, reason: 'the tag alone' };
  const on = await enclosed(options.signal, async (signal) => {
    const pool = createPool(atOnce);
    const asked: Promise<readonly string[]>[] = [];
    for await (const name of tags.list({ signal })) {
      if (!isTag(name)) continue;
      const ask = pool.run(
        async () => {
          const target = await manifests.resolve(name, { signal });
          return target?.digest === digest ? [name] : [];
        },
        { signal },
      );
      ask.catch(() => undefined);
      asked.push(ask);
    }
    return (await Promise.all(asked)).flat();
  });
  return { digest, reason: on.length === 0 ? 'no tag is on it' : `with every tag on it: ${on.join(', ')}` };
}
