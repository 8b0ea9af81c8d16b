import { ContentError, CopyError } from '../errors.ts';
import type { Content } from '../flow/content.ts';
import type { Pool } from '../flow/pool.ts';
import { isSpoilt } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { blobsOf, type Manifest } from '../spec/manifest.ts';
import { isDistributable, isManifestType } from '../spec/media-type.ts';
import type { Platform } from '../spec/platform.ts';
import { getChild } from '../store/child.ts';
import type { Repository } from '../store/contract.ts';
import type { CopyObserver } from './events.ts';
import { attempt, fromSource } from './failure.ts';
import { refuseOpaque } from './opaque.ts';
import type { Tally } from './progress.ts';
import { sized } from './sized.ts';

/** One copy while it runs: what stays the same on the way down the tree. */
export interface Journey {
  readonly from: Repository;
  readonly to: Repository;
  readonly pool: Pool;
  readonly mountFrom: (blob: Descriptor) => readonly string[];
  readonly nondistributable: boolean;
  readonly tally: Tally;
  readonly observe: CopyObserver;
  /** Ends when the copy does, however it does. */
  readonly signal: AbortSignal;
  /** Every digest that was set out for: whoever names it next waits for the same one. */
  readonly blobs: Map<Digest, Promise<void>>;
  readonly manifests: Map<Digest, Promise<void>>;
}

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
  readonly platform?: Platform;
}

/**
 * Brings everything below a manifest to the destination, then the manifest itself, unless `there` answers that the
 * destination has it. The question and the children's own questions go out together, because a round trip costs
 * more than a question too many; children that turn out not to be needed end with the journey.
 */
export async function bring(
  journey: Journey,
  manifest: Manifest,
  there: Promise<Descriptor | undefined>,
  { tags = [], depth = 0, wants = () => true, platform }: BringOptions = {},
): Promise<void> {
  const { to, observe, signal } = journey;
  const { descriptor } = manifest;
  const children = bringChildren(journey, manifest, { depth, wants });
  // Judged below, or not at all where nothing of theirs can be missing.
  children.catch(() => undefined);
  const isThere = (await there)?.digest === descriptor.digest;
  // A manifest that is there promises all but the layers that are not meant to be distributed.
  if (!isThere || journey.nondistributable) await children;
  if (isThere) {
    observe({ kind: 'manifest', descriptor, outcome: 'existed', tags });
    return;
  }
  const step = { side: 'destination', step: 'write manifest', digest: descriptor.digest } as const;
  await attempt(step, signal, () => to.manifests.put(manifest, { tags, platform, signal }));
  observe({ kind: 'manifest', descriptor, outcome: 'written', tags });
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

async function bringChild(journey: Journey, child: Descriptor, depth: number): Promise<void> {
  const { from, to, signal } = journey;
  const { digest } = child;
  if (!isManifestType(child.mediaType)) {
    // An index may list anything. What the source keeps as a manifest is one; the rest are blobs.
    const step = { side: 'source', step: 'resolve', digest } as const;
    const found = await attempt(step, signal, () => from.manifests.resolve(digest, { signal }));
    if (found === undefined) return bringPart(journey, child);
  }
  const there = attempt({ side: 'destination', step: 'resolve', digest }, signal, () =>
    to.manifests.resolve(digest, { signal, whole: true }),
  );
  there.catch(() => undefined);
  const manifest = await attempt({ side: 'source', step: 'read manifest', digest }, signal, () =>
    getChild(from.manifests, child, { signal }),
  );
  return bring(journey, manifest, there, { depth });
}

async function bringPart(journey: Journey, blob: Descriptor): Promise<void> {
  if (blob.unsized !== true) return bringBlob(journey, blob);
  const { from, signal } = journey;
  const step = { side: 'source', step: 'find the size of a blob', digest: blob.digest } as const;
  return bringBlob(journey, await attempt(step, signal, () => sized(from, blob, { signal })));
}

async function bringBlob(journey: Journey, blob: Descriptor): Promise<void> {
  const { from, to, pool, mountFrom, signal } = journey;
  const { digest } = blob;
  const tally = journey.tally.begin(blob);
  if (!journey.nondistributable && !isDistributable(blob.mediaType)) return tally.settle('skipped');
  const content = fromSource(from.blobs.open(blob), { step: 'read blob', digest }, signal);
  const options = { mountFrom: mountFrom(blob), pool, onProgress: tally.onProgress, signal };
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
  tally.settle(outcome);
}

/** Sets out for a digest the first time it is named; whoever names it later shares the outcome. */
function once(
  seen: Map<Digest, Promise<void>>,
  { digest }: Descriptor,
  work: () => Promise<void>,
): Promise<void> {
  const known = seen.get(digest);
  if (known !== undefined) return known;
  const first = work();
  // Not everyone who sets out waits to the end: a failure that nobody needs is no failure.
  first.catch(() => undefined);
  seen.set(digest, first);
  return first;
}
