import { ContentError, CopyError } from '../errors.ts';
import { bytesContent, type Content } from '../flow/content.ts';
import type { Pool } from '../flow/pool.ts';
import { isSpoilt } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { blobsOf, type Manifest } from '../spec/manifest.ts';
import { isDistributable, isManifestType } from '../spec/media-type.ts';
import type { Platform } from '../spec/platform.ts';
import { getChild } from '../store/child.ts';
import type { Repository, WriteOutcome } from '../store/contract.ts';
import type { CopyObserver } from './events.ts';
import { attempt, fromSource, isRefusedManifest } from './failure.ts';
import { refuseOpaque } from './opaque.ts';
import type { Tally } from './progress.ts';
import { conditionOf, lackedBy, mustBeWhole } from './repair.ts';
import { sized } from './sized.ts';
import { soon } from './soon.ts';

/** One copy while it runs: what stays the same on the way down the tree. */
export interface Journey {
  readonly from: Repository;
  readonly to: Repository;
  readonly pool: Pool;
  readonly mountFrom: (blob: Descriptor) => readonly string[];
  readonly nondistributable: boolean;
  /** Whether the destination is believed nothing: its blobs are read, and its manifests written again. */
  readonly repair: boolean;
  readonly tally: Tally;
  readonly observe: CopyObserver;
  /** Ends when the copy does, however it does. */
  readonly signal: AbortSignal;
  /** Every digest that was set out for: whoever names it next waits for the same one. */
  readonly blobs: Map<Digest, Promise<Outcome>>;
  readonly manifests: Map<Digest, Promise<Outcome>>;
  /** What was sent once more, because the destination turned out to lack it. */
  readonly again: Map<Digest, Promise<Outcome>>;
}

/** What became of a blob or a manifest: `written` is of manifests. */
export type Outcome = WriteOutcome | 'skipped' | 'written';

/** Indexes in indexes: three are never seen in earnest, and without end they would be an attack. */
const maxDepth = 8;

/** What the blobs of an image are reckoned at before it is read: a config and three layers. */
const usualBlobs = 4;

interface BringOptions {
  readonly tags?: readonly string[];
  /** How many indexes stand above this one. */
  readonly depth?: number;
  /** Which children of an index are brought. Default: all. */
  readonly wants?: (child: Descriptor) => boolean;
  /** Of a root that was chosen from an index: its platform there. */
  readonly platform?: Platform | undefined;
  /** Milliseconds for `there` to be answered before anything is asked of the children. Default `headStart`. */
  readonly patience?: number;
}

/**
 * Milliseconds that the answer to a question which may spare all others is waited for, before they go out beside it. A
 * registry that is near has answered by then, and one that is far costs no more than this.
 */
export const headStart = 30;

/** How often the time that the source took is given to the destination, which was asked at the same time. */
const fairShare = 3;

/** How long the destination's answer is worth waiting for, after the source took so many milliseconds. */
export function patienceFor(sourceTook: number, least: number = headStart): number {
  return Math.max(least, fairShare * sourceTook);
}

/**
 * Brings everything below a manifest to the destination, then the manifest itself, unless `there` answers that the
 * destination has it. Where that answer is soon in coming, no more is asked. Otherwise the children's own questions go out
 * beside it, because a round trip costs more than a question too many; children that turn out not to be needed end with the
 * journey.
 */
export async function bring(
  journey: Journey,
  manifest: Manifest,
  there: Promise<Descriptor | undefined>,
  { tags = [], depth = 0, wants = () => true, patience = headStart, platform }: BringOptions = {},
): Promise<Outcome> {
  const { observe, nondistributable, repair } = journey;
  const { descriptor } = manifest;
  // A manifest that is there promises all but the layers that are not meant to be distributed.
  const isEnough = !repair && !nondistributable;
  const isIt = (found: Descriptor | undefined): boolean => found?.digest === descriptor.digest;
  const isSettled = isEnough && isIt(await soon(there, patience));
  const children = isSettled ? undefined : bringChildren(journey, manifest, { depth, wants });
  // Judged below, or not at all where nothing of theirs can be missing.
  children?.catch(() => undefined);
  const isThere = !repair && isIt(await there);
  if (!isThere || !isEnough) await children;
  if (isThere) {
    observe({ kind: 'manifest', descriptor, outcome: 'existed', tags });
    return 'existed';
  }
  await putManifest(journey, manifest, { tags, depth, platform });
  observe({ kind: 'manifest', descriptor, outcome: 'written', tags });
  return 'written';
}

/** Puts a manifest, and once more where the destination says that it lacks something which it was believed to have. */
async function putManifest(
  journey: Journey,
  manifest: Manifest,
  { tags, depth, platform }: Required<Pick<BringOptions, 'tags' | 'depth'>> & BringOptions,
): Promise<void> {
  const { to, signal } = journey;
  const step = { side: 'destination', step: 'write manifest', digest: manifest.descriptor.digest } as const;
  const put = () => attempt(step, signal, () => to.manifests.put(manifest, { tags, platform, signal }));
  try {
    await put();
  } catch (error) {
    const lacked = lackedBy(error, manifest.body);
    if (lacked === undefined || !(await bringAgain(journey, manifest, lacked, depth))) throw error;
    await put();
  }
}

/** Sends what was not sent before. Answers whether there was anything. */
async function bringAgain(
  journey: Journey,
  { body }: Manifest,
  lacked: readonly Descriptor[],
  depth: number,
): Promise<boolean> {
  const seen = body.kind === 'index' ? journey.manifests : journey.blobs;
  const sendAgain = async (child: Descriptor): Promise<boolean> => {
    const before = await seen.get(child.digest);
    if (before !== 'existed' && before !== 'mounted') return false;
    await once(journey.again, child, () =>
      body.kind === 'index' && isManifestType(child.mediaType)
        ? bringChild(journey, child, depth + 1, { again: true })
        : bringPart(journey, child, { again: true }),
    );
    return true;
  };
  return (await Promise.all(lacked.map(sendAgain))).includes(true);
}

interface AgainOptions {
  /** The destination lacks it, whatever it said before. */
  readonly again?: boolean;
}

interface BlobOptions extends AgainOptions {
  /** Default: what the source has of it. */
  readonly content?: Content;
}

async function bringChildren(
  journey: Journey,
  manifest: Manifest,
  { depth, wants }: Required<Pick<BringOptions, 'depth' | 'wants'>>,
): Promise<void> {
  const { descriptor, body } = manifest;
  if (depth > maxDepth) {
    const { digest } = descriptor;
    throw new CopyError(`source: index ${digest} is nested more than ${maxDepth} deep`, {
      side: 'source',
      step: 'read manifest',
      digest,
      cause: new ContentError('MANIFEST_INVALID', `nested more than ${maxDepth} deep`, {
        expected: maxDepth,
        actual: depth,
      }),
    });
  }
  if (body.kind === 'index') {
    const bringOne = (child: Descriptor) =>
      once(journey.manifests, child, () => bringChild(journey, child, depth + 1));
    const wanted = body.manifests.filter(wants);
    const brought = wanted.map(bringOne);
    // While the children come, connections can be made for what they name.
    journey.from.expect?.(wanted.length * usualBlobs);
    // This one may still be answering for the children when it is asked for their blobs.
    journey.to.expect?.(wanted.length * (1 + usualBlobs));
    await Promise.all(brought);
    return;
  }
  if (body.kind === 'unknown') {
    const step = { side: 'source', step: 'read manifest', digest: descriptor.digest } as const;
    await attempt(step, journey.signal, async () => refuseOpaque(manifest, journey.from.name));
  }
  const bringOne = (blob: Descriptor) => once(journey.blobs, blob, () => bringPart(journey, blob));
  const brought = blobsOf(body).map(bringOne);
  // While the destination is asked what it has.
  journey.from.expect?.(journey.blobs.size);
  await Promise.all(brought);
}

async function bringChild(
  journey: Journey,
  child: Descriptor,
  depth: number,
  { again = false }: AgainOptions = {},
): Promise<Outcome> {
  const { from, to, signal, repair } = journey;
  const { digest } = child;
  if (!isManifestType(child.mediaType)) {
    // An index may list anything. What the source keeps as a manifest is one; the rest are blobs.
    const step = { side: 'source', step: 'resolve', digest } as const;
    const found = await attempt(step, signal, () => from.manifests.resolve(digest, { signal }));
    if (found === undefined) return bringPart(journey, child);
  }
  const there =
    again || repair
      ? Promise.resolve(undefined)
      : attempt({ side: 'destination', step: 'resolve', digest }, signal, () =>
          to.manifests.resolve(digest, { signal, whole: true }),
        );
  there.catch(() => undefined);
  const began = performance.now();
  const manifest = await attempt({ side: 'source', step: 'read manifest', digest }, signal, () =>
    getChild(from.manifests, child, { signal }),
  );
  const brought = bring(journey, manifest, there, {
    depth,
    patience: patienceFor(performance.now() - began),
  });
  if (isManifestType(child.mediaType)) return brought;
  return brought.catch((error: unknown) => {
    // A manifest to the source, and to the destination none of a type that it knows: then bytes like any others.
    if (!isRefusedManifest(error, digest)) throw error;
    return bringBlob(journey, manifest.descriptor, { content: bytesContent(manifest.bytes) });
  });
}

async function bringPart(journey: Journey, blob: Descriptor, options: AgainOptions = {}): Promise<Outcome> {
  if (blob.unsized !== true) return bringBlob(journey, blob, options);
  const { from, signal } = journey;
  const step = { side: 'source', step: 'find the size of a blob', digest: blob.digest } as const;
  return bringBlob(journey, await attempt(step, signal, () => sized(from, blob, { signal })), options);
}

async function bringBlob(
  journey: Journey,
  blob: Descriptor,
  { again = false, content: given }: BlobOptions,
): Promise<Outcome> {
  const { from, to, pool, mountFrom, signal } = journey;
  const { digest } = blob;
  const tally = journey.tally.begin(blob);
  if (!journey.nondistributable && !isDistributable(blob.mediaType)) return tally.settle('skipped');
  const condition = journey.repair && !again ? await conditionOf(journey, blob) : undefined;
  if (condition === 'whole') return tally.settle('existed');
  const content = fromSource(
    keptOnTheWay(given ?? from.blobs.open(blob), tally.onKept),
    { step: 'read blob', digest },
    signal,
  );
  const replace = again || journey.repair;
  const options = { mountFrom: mountFrom(blob), replace, pool, onProgress: tally.onProgress, signal };
  const write = (bytes: Content) =>
    attempt({ side: 'destination', step: 'write blob', digest }, signal, () =>
      to.blobs.write(blob, bytes, options),
    );
  const outcome = await write(content).catch((error: unknown) => {
    // The destination has let go of what came, so all of it can come once more: checked here, to tell whose fault it is.
    if (!content.replayable || !(error instanceof CopyError && isSpoilt(error.cause))) throw error;
    const { unchecked: _, ...checked } = content;
    return write(checked);
  });
  if (condition === 'damaged') await mustBeWhole(journey, blob);
  return tally.settle(outcome);
}

/** The same content, telling of what a cache has of it. */
function keptOnTheWay(content: Content, onKept: (bytes: number) => void): Content {
  return {
    ...content,
    ...(content.unchecked === undefined ? {} : { unchecked: keptOnTheWay(content.unchecked, onKept) }),
    open: (options = {}) => content.open({ ...options, onKept }),
  };
}

/** Sets out for a digest the first time it is named; whoever names it later shares the outcome. */
function once(
  seen: Map<Digest, Promise<Outcome>>,
  { digest }: Descriptor,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  const known = seen.get(digest);
  if (known !== undefined) return known;
  const first = work();
  // Not everyone who sets out waits to the end: a failure that nobody needs is no failure.
  first.catch(() => undefined);
  seen.set(digest, first);
  return first;
}
