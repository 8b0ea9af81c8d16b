import { ContentError, CopyError } from '../errors.ts';
import { bytesContent, type Content } from '../flow/content.ts';
import { isSpoilt } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { blobsOf, type Manifest } from '../spec/manifest.ts';
import { isDistributable, isManifestType } from '../spec/media-type.ts';
import { maxNesting } from '../spec/nesting.ts';
import type { Platform } from '../spec/platform.ts';
import { getChild } from '../store/child.ts';
import type { WriteOptions, WriteOutcome } from '../store/contract.ts';
import { attempt, fromSource, isRefusedManifest } from './failure.ts';
import { refuseOpaque } from './opaque.ts';
import { conditionOf, lackedBy, mustBeWhole } from './repair.ts';
import { type CopyRun, type Outcome, once } from './run.ts';
import { sized } from './sized.ts';
import { soon } from './soon.ts';

/** The expected number of blobs of an image that is not yet read: a config and three layers. */
const usualBlobs = 4;

interface CopyTreeOptions {
  readonly tags?: readonly string[];
  /** The number of indexes above this manifest. */
  readonly depth?: number;
  /**
   * Selects the children of an index to copy.
   * @defaultValue all
   */
  readonly wants?: (child: Descriptor) => boolean;
  /** For a root that was selected from an index: its platform there. */
  readonly platform?: Platform | undefined;
  /**
   * Milliseconds to wait for `there` before asking for the children.
   * @defaultValue `headStart`
   */
  readonly patience?: number | undefined;
}

/**
 * Milliseconds to wait for an answer that may save all other requests, before these go out in parallel. A nearby
 * registry has answered by then, and for a distant one the wait adds little.
 */
export const headStart = 30;

/** The destination was asked at the same time as the source, and gets this multiple of the source's time. */
const fairShare = 3;

/** Returns the milliseconds to wait for the destination's answer, after the source took `sourceTook` milliseconds. */
export function patienceFor(sourceTook: number, least: number = headStart): number {
  return Math.max(least, fairShare * sourceTook);
}

/**
 * Copies everything below a manifest to the destination and then the manifest itself, unless `there` reports that the
 * destination has it. Asks nothing else if that answer comes soon. Otherwise it asks for the children in parallel,
 * because a round trip costs more than an unneeded request. Requests for children that turn out to be unneeded end with
 * the copy.
 */
export async function copyTree(
  run: CopyRun,
  manifest: Manifest,
  there: Promise<Descriptor | undefined>,
  { tags = [], depth = 0, wants = () => true, patience = headStart, platform }: CopyTreeOptions = {},
): Promise<Outcome> {
  const { ledger, nondistributable, repair } = run;
  const { descriptor } = manifest;
  // A manifest at the destination promises all its content but the layers that registries may not distribute.
  const isEnough = !repair && !nondistributable;
  const isIt = (found: Descriptor | undefined): boolean => found?.digest === descriptor.digest;
  const isSettled = isEnough && isIt(await soon(there, patience));
  const children = isSettled ? undefined : copyChildren(run, manifest, { depth, wants });
  // Awaited below, or not at all when none of the children can be missing.
  children?.catch(() => undefined);
  const isThere = !repair && isIt(await there);
  if (!isThere || !isEnough) await children;
  if (isThere) {
    ledger.tell({ kind: 'manifest', descriptor, outcome: 'existed', tags });
    return 'existed';
  }
  await putManifest(run, manifest, { tags, depth, platform });
  ledger.tell({ kind: 'manifest', descriptor, outcome: 'written', tags });
  return 'written';
}

/** Puts a manifest, and puts it again after sending content that the destination turned out to lack. */
async function putManifest(
  run: CopyRun,
  manifest: Manifest,
  { tags, depth, platform }: Required<Pick<CopyTreeOptions, 'tags' | 'depth'>> & CopyTreeOptions,
): Promise<void> {
  const { to, signal } = run;
  const step = { side: 'destination', step: 'write manifest', digest: manifest.descriptor.digest } as const;
  const put = () => attempt(step, signal, () => to.manifests.put(manifest, { tags, platform, signal }));
  try {
    await put();
  } catch (error) {
    const lacked = lackedBy(error, manifest.body);
    if (lacked === undefined || !(await copyAgain(run, manifest, lacked, depth))) throw error;
    await put();
  }
}

/** Sends the content that was not sent before. Returns false if all of it was. */
async function copyAgain(
  run: CopyRun,
  { body }: Manifest,
  lacked: readonly Descriptor[],
  depth: number,
): Promise<boolean> {
  const seen = body.kind === 'index' ? run.manifests : run.blobs;
  const sendAgain = async (child: Descriptor): Promise<boolean> => {
    const before = await seen.get(child.digest);
    if (before !== 'existed' && before !== 'mounted') return false;
    await once(run.again, child, () =>
      body.kind === 'index' && isManifestType(child.mediaType)
        ? copyChild(run, child, depth + 1, { again: true })
        : copyPart(run, child, { again: true }),
    );
    return true;
  };
  return (await Promise.all(lacked.map(sendAgain))).includes(true);
}

interface AgainOptions {
  /** The destination lacks it, contrary to its earlier answer. */
  readonly again?: boolean | undefined;
}

interface BlobOptions extends AgainOptions {
  /** @defaultValue the content at the source */
  readonly content?: Content | undefined;
}

async function copyChildren(
  run: CopyRun,
  manifest: Manifest,
  { depth, wants }: Required<Pick<CopyTreeOptions, 'depth' | 'wants'>>,
): Promise<void> {
  const { descriptor, body } = manifest;
  if (depth > maxNesting) {
    const { digest } = descriptor;
    throw new CopyError(`source: index ${digest} is nested more than ${maxNesting} deep`, {
      side: 'source',
      step: 'read manifest',
      digest,
      cause: new ContentError('MANIFEST_INVALID', `nested more than ${maxNesting} deep`, {
        expected: maxNesting,
        actual: depth,
      }),
    });
  }
  if (body.kind === 'index') {
    const copyOne = (child: Descriptor) => once(run.manifests, child, () => copyChild(run, child, depth + 1));
    const wanted = body.manifests.filter(wants);
    const copied = wanted.map(copyOne);
    // Lets both sides open connections while the children arrive.
    run.from.preconnect?.(wanted.length * usualBlobs);
    // The destination may still be answering for the children when the requests for their blobs begin.
    run.to.preconnect?.(wanted.length * (1 + usualBlobs));
    await Promise.all(copied);
    return;
  }
  if (body.kind === 'unknown') {
    const step = { side: 'source', step: 'read manifest', digest: descriptor.digest } as const;
    await attempt(step, run.signal, async () => refuseOpaque(manifest, run.from.name));
  }
  const copyOne = (blob: Descriptor) => once(run.blobs, blob, () => copyPart(run, blob));
  const copied = blobsOf(body).map(copyOne);
  // The source opens connections while the destination is asked for the blobs.
  run.from.preconnect?.(run.blobs.size);
  await Promise.all(copied);
}

async function copyChild(
  run: CopyRun,
  child: Descriptor,
  depth: number,
  { again = false }: AgainOptions = {},
): Promise<Outcome> {
  const { from, to, signal, repair } = run;
  const { digest } = child;
  if (!isManifestType(child.mediaType)) {
    // An index may list anything. Content that the source stores as a manifest is one; all other content is a blob.
    const step = { side: 'source', step: 'resolve', digest } as const;
    const found = await attempt(step, signal, () => from.manifests.resolve(digest, { signal }));
    if (found === undefined) return copyPart(run, child);
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
  const copied = copyTree(run, manifest, there, {
    depth,
    patience: patienceFor(performance.now() - began),
  });
  if (isManifestType(child.mediaType)) return copied;
  return copied.catch((error: unknown) => {
    // The destination refuses the source's manifest because of its type, so the manifest is sent as a blob.
    if (!isRefusedManifest(error, digest)) throw error;
    return copyBlob(run, manifest.descriptor, { content: bytesContent(manifest.bytes) });
  });
}

async function copyPart(run: CopyRun, blob: Descriptor, options: AgainOptions = {}): Promise<Outcome> {
  if (blob.unsized !== true) return copyBlob(run, blob, options);
  const { from, signal } = run;
  const step = { side: 'source', step: 'find the size of a blob', digest: blob.digest } as const;
  return copyBlob(run, await attempt(step, signal, () => sized(from, blob, { signal })), options);
}

async function copyBlob(
  run: CopyRun,
  blob: Descriptor,
  { again = false, content: given }: BlobOptions,
): Promise<Outcome> {
  const { from, mountFrom, signal } = run;
  const { digest } = blob;
  const tally = run.tally.begin(blob);
  if (!run.nondistributable && !isDistributable(blob.mediaType)) return tally.settle('skipped');
  const condition = run.repair && !again ? await conditionOf(run, blob) : undefined;
  if (condition === 'whole') return tally.settle('existed');
  const content = fromSource(
    keptOnTheWay(given ?? from.blobs.open(blob), tally.onKept),
    { step: 'read blob', digest },
    signal,
  );
  const replace = again || run.repair;
  const options = { mountFrom: mountFrom(blob), replace, onProgress: tally.onProgress, signal };
  const write = (bytes: Content) =>
    attempt({ side: 'destination', step: 'write blob', digest }, signal, () =>
      writeInPool(run, blob, bytes, options),
    );
  const outcome = await write(content).catch((error: unknown) => {
    // The destination has discarded the bytes, so all can be sent again. This attempt verifies them here, to find the
    // side at fault.
    if (!content.replayable || !(error instanceof CopyError && isSpoilt(error.cause))) throw error;
    const { unverified: _, ...checked } = content;
    return write(checked);
  });
  if (condition === 'damaged') await mustBeWhole(run, blob);
  return tally.settle(outcome);
}

function writeInPool(
  { to: { blobs }, pool }: CopyRun,
  blob: Descriptor,
  content: Content,
  options: WriteOptions,
): Promise<WriteOutcome> {
  if (blobs.writeInPool !== undefined) return blobs.writeInPool(blob, content, pool, options);
  return pool.run(() => blobs.write(blob, content, options), { size: blob.size, signal: options.signal });
}

/** Reports the bytes that an intermediate cache has stored. */
function keptOnTheWay(content: Content, onKept: (bytes: number) => void): Content {
  return {
    ...content,
    unverified: content.unverified && keptOnTheWay(content.unverified, onKept),
    open: (options = {}) => content.open({ ...options, onKept }),
  };
}
