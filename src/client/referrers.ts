import { selectRoot } from '../copy/select.ts';
import { ContentError, NotFoundError } from '../errors.ts';
import { enclosed } from '../flow/abort.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { maxNesting } from '../spec/nesting.ts';
import type { Repository } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { OpenedSource } from './disk-source.ts';
import { openSource } from './open.ts';
import { type Place, toPlace } from './place.ts';
import type { ReadOptions } from './read.ts';

/** Settings for listing referrers. */
export interface ListReferrersOptions extends ReadOptions {
  /** Selects referrers by their type. In a tree it applies to the first level; everything below those stays. */
  readonly artifactType?: string | undefined;
}

/** A referrer with its own referrers. */
export interface ReferrerNode extends Descriptor {
  /** The manifests that refer to this one. */
  readonly referrers: readonly ReferrerNode[];
}

/** An image with all its direct and indirect referrers. */
export interface ReferrerTree {
  /** The digest of the image. */
  readonly subject: Digest;
  /** The manifests that refer to the image. */
  readonly referrers: readonly ReferrerNode[];
}

/** Lists the referrers of an image, each digest once. For a digest gantry does not ask for the image, which may be absent. */
export async function* listReferrers(
  connections: Connections,
  place: string | Place,
  options: ListReferrersOptions = {},
): AsyncIterable<Descriptor> {
  const source = await open(connections, place, options);
  try {
    yield* source.repository.referrers(await subjectOf(source, place, options), options);
  } finally {
    await source.repository[Symbol.asyncDispose]();
  }
}

/**
 * Returns the referrers of an image with the referrers of each.
 * @throws MANIFEST_INVALID when they are more than `maxNesting` deep
 */
export async function referrerTree(
  connections: Connections,
  place: string | Place,
  { artifactType, ...options }: ListReferrersOptions = {},
): Promise<ReferrerTree> {
  const source = await open(connections, place, options);
  try {
    const subject = await subjectOf(source, place, options);
    const first = artifactType === undefined ? options : { ...options, artifactType };
    const seen = new Set([subject]);
    return {
      subject,
      referrers: await nodesOf(source.repository, subject, { seen, first, options, depth: 1 }),
    };
  } finally {
    await source.repository[Symbol.asyncDispose]();
  }
}

function open(connections: Connections, place: string | Place, options: ReadOptions): Promise<OpenedSource> {
  const { platform, signal } = options;
  const platforms = platform === undefined ? undefined : [platform];
  return openSource(connections, toPlace(place), {
    platforms,
    signal,
  });
}

async function subjectOf(
  { repository, reference, registry }: OpenedSource,
  place: string | Place,
  { platform, ...options }: ReadOptions,
): Promise<Digest> {
  if (platform !== undefined) {
    const root = await repository.manifests.get(reference, options);
    return (await selectRoot(repository, root, [platform], options)).descriptor.digest;
  }
  if (registry !== undefined && isDigest(reference)) return reference;
  const found = await repository.manifests.resolve(reference, options);
  if (found !== undefined) return found.digest;
  if (isDigest(reference)) return reference;
  const name = typeof place === 'string' ? place : reference;
  throw new NotFoundError('MANIFEST_UNKNOWN', `${name}: there is no such image`);
}

interface Walk {
  /** The digests in the tree: a registry that lists in circles shows each once. */
  readonly seen: Set<Digest>;
  readonly first: ListReferrersOptions;
  readonly options: ListReferrersOptions;
  readonly depth: number;
}

async function nodesOf(
  repository: Repository,
  subject: Digest,
  { seen, first, options, depth }: Walk,
): Promise<readonly ReferrerNode[]> {
  const found: Descriptor[] = [];
  for await (const referrer of repository.referrers(subject, depth === 1 ? first : options)) {
    if (seen.has(referrer.digest)) continue;
    seen.add(referrer.digest);
    found.push(referrer);
  }
  if (found.length > 0 && depth > maxNesting) {
    throw new ContentError('MANIFEST_INVALID', `referrers of ${subject} go more than ${maxNesting} deep`, {
      expected: maxNesting,
      actual: depth,
    });
  }
  const below = { seen, first, options, depth: depth + 1 };
  return enclosed(options.signal, (signal) => {
    const ended = { ...below, first: { ...first, signal }, options: { ...options, signal } };
    return Promise.all(
      found.map(async (referrer) => ({
        ...referrer,
        referrers: await nodesOf(repository, referrer.digest, ended),
      })),
    );
  });
}
