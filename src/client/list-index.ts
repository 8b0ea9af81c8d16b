import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { IndexManifest, Manifest } from '../spec/manifest.ts';
import { isIndexType } from '../spec/media-type.ts';
import { maxNesting } from '../spec/nesting.ts';
import { getChild } from '../store/child.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { layoutOf, noIndex } from './edit-index.ts';
import { openSource } from './open.ts';
import { type Place, toPlace } from './place.ts';

/** Settings of `listIndex`. */
export interface ListIndexOptions extends SignalOptions {
  /**
   * Also lists the entries of nested indexes.
   * @defaultValue `false`
   */
  readonly recursive?: boolean | undefined;
  /**
   * Takes all images of a layout as one index, its index.json. The place is then a layout without a name.
   * @defaultValue `false`
   */
  readonly index?: boolean | undefined;
}

/** An index with its entries. */
export interface IndexListing {
  /** The descriptor of the index. */
  readonly descriptor: Descriptor;
  /** The entries in order. */
  readonly entries: readonly ListedEntry[];
}

/** An entry of an index. */
export interface ListedEntry {
  /** The descriptor as the index has it. */
  readonly descriptor: Descriptor;
  /** The entries of a nested index. Absent for an image, without `recursive`, and where the same index is listed before. */
  readonly entries?: readonly ListedEntry[];
}

/** Lists the entries of an index at any place. */
export async function listIndex(
  connections: Connections,
  source: string | Place,
  { recursive = false, index = false, signal }: ListIndexOptions = {},
): Promise<IndexListing> {
  const place = toPlace(source);
  const list = async (repository: Repository, { descriptor, body }: Manifest): Promise<IndexListing> => {
    if (body.kind !== 'index') throw noIndex(place);
    const seen = recursive ? new Set([descriptor.digest]) : undefined;
    return { descriptor, entries: await entriesOf(repository, body, { seen, depth: 1, signal }) };
  };
  if (index) {
    const { openLayout } = await import('../layout/repository.ts');
    await using layout = await openLayout(layoutOf(place).path, { mode: 'read', signal });
    return await list(layout, await layout.index({ signal }));
  }
  const opened = await openSource(connections, place, { signal });
  await using repository = opened.repository;
  return await list(repository, await repository.manifests.get(opened.reference, { signal }));
}

interface Walk extends SignalOptions {
  /** The indexes that are listed already, since several entries may name one. Absent if nested indexes stay closed. */
  readonly seen: Set<Digest> | undefined;
  readonly depth: number;
}

async function entriesOf(
  repository: Repository,
  { manifests }: IndexManifest,
  { seen, depth, signal }: Walk,
): Promise<readonly ListedEntry[]> {
  const entries: ListedEntry[] = [];
  for (const descriptor of manifests) {
    const { mediaType, digest } = descriptor;
    if (seen === undefined || !isIndexType(mediaType) || seen.has(digest) || depth >= maxNesting) {
      entries.push({ descriptor });
      continue;
    }
    seen.add(digest);
    const { body } = await getChild(repository.manifests, descriptor, { signal });
    const nested =
      body.kind === 'index'
        ? await entriesOf(repository, body, { seen, depth: depth + 1, signal })
        : undefined;
    entries.push(nested === undefined ? { descriptor } : { descriptor, entries: nested });
  }
  return entries;
}
