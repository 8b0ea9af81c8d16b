import { selectRoot } from '../copy/select.ts';
import { ContentError, NotFoundError } from '../errors.ts';
import { enclosed } from '../flow/abort.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Repository } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { Source } from './disk-source.ts';
import { openSource } from './open.ts';
import { type Place, toPlace } from './place.ts';
import type { ReadOptions } from './read.ts';

export interface ListReferrersOptions extends ReadOptions {
  /** Only the referrers of this type. Of a tree: only those of the image itself, with all that is below them. */
  readonly artifactType?: string;
}

/** A referrer with what refers to it in turn. */
export interface ReferrerNode extends Descriptor {
  readonly referrers: readonly ReferrerNode[];
}

export interface ReferrerTree {
  readonly subject: Digest;
  readonly referrers: readonly ReferrerNode[];
}

/** Deeper ones are never seen in earnest, and without end they would be an attack. */
const maxDepth = 8;

/** What refers to an image, each digest once. By digest nothing is asked of the image itself, which need not be there. */
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

/** As `listReferrers`, with the referrers of each. Throws MANIFEST_INVALID where they go on without end. */
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

function open(connections: Connections, place: string | Place, options: ReadOptions): Promise<Source> {
  const { platform, signal } = options;
  const platforms = platform === undefined ? undefined : [platform];
  return openSource(connections, toPlace(place), {
    platforms,
    signal,
  });
}

async function subjectOf(
  { repository, reference, registry }: Source,
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
  /** What stands in the tree: a registry that lists in circles shows everything once. */
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
  if (found.length > 0 && depth > maxDepth) {
    throw new ContentError('MANIFEST_INVALID', `referrers of ${subject} go more than ${maxDepth} deep`, {
      expected: maxDepth,
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
