import { ContentError, CopyError, isGantryError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isIndexType, isManifestType } from '../spec/media-type.ts';
import { maxNesting } from '../spec/nesting.ts';
import { cosignTags } from '../spec/referrers-tag.ts';
import type { Repository } from '../store/contract.ts';
import { subjectOf } from '../store/referrers.ts';
import { attempt } from './failure.ts';
import type { CopyRun } from './run.ts';
import { copyTree } from './walk.ts';

/**
 * Copies the referrers of the root and of its copied children, the referrers of these in turn, and the manifests under
 * cosign's tags. Puts referrers without a tag, so that the destination lists them in its own way; the fallback tags of
 * the source are not copied. Skips listed referrers that do not exist or have another subject, since a fallback tag may
 * list anything.
 */
export async function copyReferrers(
  run: CopyRun,
  root: Manifest,
  wants?: (child: Descriptor) => boolean,
): Promise<void> {
  const end = new AbortController();
  const own = { ...run, signal: AbortSignal.any([run.signal, end.signal]) };
  let subjects = await treeOf(own, root, wants);
  const seen = new Set(subjects);
  for (let depth = 1; subjects.length > 0; depth++) {
    if (depth > maxNesting) throw tooDeep(subjects[0]);
    const found = subjects.flatMap((subject) => [
      copyListed(own, subject, { seen, end }),
      copyTagged(own, subject, { seen, end }),
    ]);
    subjects = (await together(found, end)).flat();
  }
}

interface Graph {
  /** The referrers already handled, and the manifests that came with them. */
  readonly seen: Set<Digest>;
  readonly end: AbortController;
}

/** Copies the listed referrers of a subject and returns the digests that are new. */
async function copyListed(run: CopyRun, subject: Digest, { seen, end }: Graph): Promise<readonly Digest[]> {
  const listed = await list(run, 'source', subject);
  let atDestination: Promise<readonly Descriptor[]> | undefined;
  /** A referrer that the destination has but does not list is put again, so that it gets listed. */
  const isListed = async (digest: Digest): Promise<boolean> => {
    atDestination ??= list(run, 'destination', subject);
    return (await atDestination).some((entry) => entry.digest === digest);
  };
  const copyOne = async ({ digest }: Descriptor): Promise<readonly Digest[]> => {
    const manifest = await find(run, digest);
    if (manifest === undefined || !refersTo(manifest, subject)) return [];
    const there = resolveAt(run, digest).then(async (found) =>
      found !== undefined && (await isListed(digest)) ? found : undefined,
    );
    there.catch(() => undefined);
    await copyTree(run, manifest, there);
    return (await treeOf(run, manifest)).filter((below) => below === digest || isNew(seen, below));
  };
  const fresh = listed.filter(({ digest }) => isNew(seen, digest));
  return (await together(fresh.map(copyOne), end)).flat();
}

/** Copies the manifests under cosign's tags and returns the digests that are new. */
async function copyTagged(run: CopyRun, subject: Digest, { seen, end }: Graph): Promise<readonly Digest[]> {
  const copyOne = async (tag: string): Promise<readonly Digest[]> => {
    const manifest = await find(run, tag);
    if (manifest === undefined) return [];
    const there = resolveAt(run, tag);
    there.catch(() => undefined);
    await copyTree(run, manifest, there, { tags: [tag] });
    return (await treeOf(run, manifest)).filter((below) => isNew(seen, below));
  };
  return (await together(cosignTags(subject).map(copyOne), end)).flat();
}

/** Waits for all. The first error aborts the others and is thrown when they have ended. */
async function together<T>(running: readonly Promise<T>[], end: AbortController): Promise<readonly T[]> {
  try {
    return await Promise.all(running);
  } catch (error) {
    end.abort(error);
    await Promise.allSettled(running);
    throw error;
  }
}

/** Returns the digests of a manifest and of those below it, each of which may be a subject. */
async function treeOf(
  run: CopyRun,
  { descriptor, body }: Manifest,
  wants: (child: Descriptor) => boolean = () => true,
): Promise<readonly Digest[]> {
  if (body.kind !== 'index') return [descriptor.digest];
  const children = body.manifests.filter((child) => isManifestType(child.mediaType) && wants(child));
  const below = children.map(async ({ mediaType, digest }) => {
    const child = isIndexType(mediaType) ? await find(run, digest) : undefined;
    return child === undefined ? [digest] : treeOf(run, child);
  });
  return [descriptor.digest, ...(await Promise.all(below)).flat()];
}

function isNew(seen: Set<Digest>, digest: Digest): boolean {
  if (seen.has(digest)) return false;
  seen.add(digest);
  return true;
}

/** Trusts the list for a kind of manifest that gantry cannot parse. */
function refersTo(manifest: Manifest, subject: Digest): boolean {
  return manifest.body.kind === 'unknown' || subjectOf(manifest) === subject;
}

function list(
  { from, to, signal }: CopyRun,
  side: 'source' | 'destination',
  subject: Digest,
): Promise<readonly Descriptor[]> {
  const place: Repository = side === 'source' ? from : to;
  return attempt({ side, step: 'list referrers', digest: subject }, signal, async () => {
    const found: Descriptor[] = [];
    for await (const referrer of place.referrers(subject, { signal })) found.push(referrer);
    return found;
  });
}

/** Reads a manifest of the source; undefined if it does not exist. */
function find({ from, signal }: CopyRun, reference: string): Promise<Manifest | undefined> {
  return attempt({ side: 'source', step: `read ${reference}` }, signal, async () => {
    try {
      return await from.manifests.get(reference, { signal });
    } catch (error) {
      if (isGantryError(error, 'MANIFEST_UNKNOWN') || isGantryError(error, 'NAME_UNKNOWN')) return undefined;
      throw error;
    }
  });
}

function resolveAt({ to, signal }: CopyRun, reference: string): Promise<Descriptor | undefined> {
  return attempt({ side: 'destination', step: `resolve ${reference}` }, signal, () =>
    to.manifests.resolve(reference, { signal }),
  );
}

function tooDeep(digest: Digest | undefined): CopyError {
  const said = `referrers of referrers go more than ${maxNesting} deep`;
  return new CopyError(`source: ${said}, at ${digest}`, {
    side: 'source',
    step: 'list referrers',
    ...(digest === undefined ? {} : { digest }),
    cause: new ContentError('MANIFEST_INVALID', said, { expected: maxNesting, actual: maxNesting + 1 }),
  });
}
