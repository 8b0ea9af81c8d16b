import { AuthError, ContentError, isGantryError } from '../errors.ts';
import type { Pool } from '../flow/pool.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { children, type ManifestBody } from '../spec/manifest.ts';
import type { Repository } from '../store/contract.ts';
import { attempt } from './failure.ts';

interface Destination {
  readonly to: Repository;
  readonly pool: Pool;
  readonly signal: AbortSignal;
}

export type Condition = 'whole' | 'damaged' | 'missing';

/**
 * Reads a blob at the destination and compares its digest. A blob that cannot be read to its end counts as damaged.
 * Rethrows a refused login and an unreachable registry.
 */
export async function conditionOf({ to, pool, signal }: Destination, blob: Descriptor): Promise<Condition> {
  const read = async (): Promise<Condition> => {
    const found = await to.blobs.stat(blob.digest, { signal });
    if (found === undefined) return 'missing';
    try {
      for await (const _ of to.blobs.open(blob).open({ signal }));
      return 'whole';
    } catch (error) {
      signal.throwIfAborted();
      const isDecisive = error instanceof AuthError || isGantryError(error, 'NO_CONNECTION');
      if (isDecisive || !isGantryError(error)) throw error;
      return 'damaged';
    }
  };
  const step = { side: 'destination', step: 'check blob', digest: blob.digest } as const;
  return attempt(step, signal, () => pool.run(read, { size: blob.size, signal }));
}

/**
 * Checks that a repaired blob is intact. Some registries (distribution) accept an upload of a blob that they have and
 * keep their old bytes.
 * @throws DIGEST_INVALID when the damaged bytes remain
 */
export async function mustBeWhole(destination: Destination, blob: Descriptor): Promise<void> {
  if ((await conditionOf(destination, blob)) === 'whole') return;
  const { digest } = blob;
  const step = { side: 'destination', step: 'repair blob', digest } as const;
  await attempt(step, destination.signal, async () => {
    throw new ContentError(
      'DIGEST_INVALID',
      `${destination.to.name} keeps the damaged bytes of ${digest} although it was sent again: remove them in the store of that registry, then repair once more`,
    );
  });
}

const missing: readonly string[] = ['MANIFEST_BLOB_UNKNOWN', 'MANIFEST_UNKNOWN', 'BLOB_UNKNOWN'];

/**
 * Returns the missing content after a destination refused a manifest: the children that the refusal names, or all of
 * them if it names none. Returns undefined for any other refusal.
 */
export function lackedBy(error: unknown, body: ManifestBody): readonly Descriptor[] | undefined {
  if (!isGantryError(error) || !missing.includes(error.code) || body.kind === 'unknown') return undefined;
  const all = children(body);
  const named = new Set(namedIn(error));
  const lacked = all.filter(({ digest }) => named.has(digest));
  return lacked.length > 0 ? lacked : all;
}

/** Finds digests in the message and in the details from the registry. */
function namedIn(error: unknown): readonly string[] {
  const found: string[] = [];
  for (let at = error; isGantryError(at); at = at.cause) {
    const text = `${at.message} ${JSON.stringify(at.response?.errors ?? [])}`;
    found.push(...(text.match(/\b[a-z0-9]{1,20}:[0-9a-f]{32,128}\b/g) ?? []));
  }
  return found;
}
