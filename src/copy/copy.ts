import { InputError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import { createPool } from '../flow/pool.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import {
  signal as abortSignal,
  amount,
  callback,
  checkArgument,
  checkOptions,
  count,
  either,
  flag,
  listOf,
  object,
  type Shape,
  text,
} from '../spec/options.ts';
import type { Platform } from '../spec/platform.ts';
import { aRepository } from '../store/checks.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { CopyObserver } from './events.ts';
import { attempt } from './failure.ts';
import { createTally } from './progress.ts';
import { copyReferrers } from './referrers.ts';
import { selectChildren, selectRoot } from './select.ts';
import { soon } from './soon.ts';
import { type CopyRun, copyTree, headStart, patienceFor } from './walk.ts';

/** Settings of a copy. */
export interface CopyOptions extends SignalOptions {
  /**
   * The tags to set at the destination, written last. Without tags the root is stored under its digest only.
   * @defaultValue none
   */
  readonly tags?: readonly string[];
  /**
   * Promises that the destination does not have these tags, so the copy does not ask for them.
   * @defaultValue false
   */
  readonly tagsAreNew?: boolean;
  /**
   * The platforms to copy, as objects or as in `linux/arm64/v8`. One platform makes its image the root; several make an
   * index of only these.
   * @defaultValue all
   */
  readonly platforms?: readonly (Platform | string)[];
  /**
   * With `platforms`: keeps the index and its digest, and copies only the selected children.
   * @defaultValue false
   */
  readonly sparse?: boolean;
  /**
   * Repositories of the destination's registry that are known to have a blob: the name of the source, or a function per
   * blob.
   */
  readonly mountFrom?: string | ((blob: Descriptor) => readonly string[]);
  /**
   * The number of blobs that move at once.
   * @defaultValue by size: few large blobs or many small ones
   */
  readonly jobs?: number;
  /**
   * Copies also the layers that registries may not distribute.
   * @defaultValue false
   */
  readonly nondistributable?: boolean;
  /**
   * Copies also the referrers of all copied manifests, their referrers in turn, and the manifests under cosign's tags
   * (`sha256-….sig`, `.att`, `.sbom`). They arrive before the root gets its tags. The destination lists them in its own
   * way.
   * @defaultValue false
   */
  readonly referrers?: boolean;
  /**
   * Does not trust the destination: reads each of its blobs, compares the digest, sends missing and damaged ones, and
   * writes every manifest again. This downloads all content that the destination has. Without it, a copy trusts the
   * destination's answers, and trusts that a manifest there is complete.
   * @defaultValue false
   */
  readonly repair?: boolean;
  /**
   * True if only this copy is committed to the destination, so that the destination can refuse it in advance.
   * @defaultValue true
   */
  readonly alone?: boolean;
  /**
   * Milliseconds that the destination has to report that it has the root, before the copy asks anything else. A nearby
   * registry answers in that time and saves all other requests.
   * @defaultValue 30
   */
  readonly patience?: number;
  /** Receives the events of the copy. */
  readonly onEvent?: CopyObserver;
}

const shape: Shape<CopyOptions> = {
  tags: listOf(text),
  tagsAreNew: flag,
  platforms: listOf(either('a platform', text, object)),
  sparse: flag,
  mountFrom: either('a name or a function', text, callback),
  jobs: count,
  nondistributable: flag,
  referrers: flag,
  repair: flag,
  patience: amount,
  alone: flag,
  onEvent: callback,
  signal: abortSignal,
};

/**
 * The reason with which a finished copy ends its remaining requests. Shared, since each new error would record a stack.
 */
const over = new DOMException('the copy is over', 'AbortError');

/**
 * Copies an image or an index with all content that it names from one place to another, byte for byte. It writes blobs
 * before the manifest that names them, and the root last, so a tag never names an incomplete image. It does not read
 * blobs that the destination has. The caller calls `to.commit()`. Returns the descriptor of the root at the
 * destination.
 * @throws INVALID_OPTION for a wrong option
 * @throws CopyError with the side, the step and the code of its cause; the reason of an aborted signal unchanged
 */
export async function copyImage(
  from: Repository,
  reference: string,
  to: Repository,
  options: CopyOptions = {},
): Promise<Descriptor> {
  checkArgument('copyImage', 'from', from, aRepository);
  checkArgument('copyImage', 'reference', reference, text);
  checkArgument('copyImage', 'to', to, aRepository);
  checkOptions('copyImage', options, shape);
  const { tags = [], tagsAreNew = false, platforms, mountFrom, jobs } = options;
  const { nondistributable = false, referrers = false, repair = false, patience = headStart } = options;
  if (platforms?.length === 0)
    throw new InputError(
      'INVALID_OPTION',
      'platforms is an empty list: name at least one platform, or leave the option out',
    );
  const observe: CopyObserver = options.onEvent ?? (() => undefined);
  const end = new AbortController();
  const { signal } = end;
  const release = onAbort(options.signal, () => end.abort(options.signal?.reason));
  const run: CopyRun = {
    from,
    to,
    pool: createPool(jobs),
    mountFrom:
      typeof mountFrom === 'function' ? mountFrom : () => (mountFrom === undefined ? [] : [mountFrom]),
    nondistributable,
    repair,
    tally: createTally(observe),
    observe,
    signal,
    blobs: new Map(),
    manifests: new Map(),
    again: new Map(),
  };
  const [tag] = tags;
  // Sent while the source is still answering. Several tags are written without asking.
  const isNew = tagsAreNew || repair;
  const named = tag === undefined || tags.length > 1 || isNew ? undefined : resolveAt(run, tag);
  let root: Manifest;
  try {
    const isPlain = platforms === undefined && !referrers && !nondistributable;
    const same = named !== undefined && isPlain && (await findSame(run, reference, named, patience));
    if (same) {
      observe({ kind: 'manifest', descriptor: same, outcome: 'existed', tags });
      run.tally.finish();
      return same;
    }
    const began = performance.now();
    const chosen = await attempt({ side: 'source', step: `read ${reference}` }, signal, async () =>
      choose(from, await from.manifests.get(reference, { signal }), { ...options, signal }),
    );
    root = chosen.root;
    if (options.alone !== false) {
      const { digest } = root.descriptor;
      const step = { side: 'destination', step: `take ${digest}`, digest } as const;
      await attempt(step, signal, async () => to.admit?.(root, tags));
    }
    if (referrers) await copyWithReferrers(run, chosen);
    if (!referrers || tags.length > 0) {
      const isAsked = tags.length <= 1 && !isNew && chosen.wants === undefined;
      const there = isAsked ? (named ?? resolveAt(run, root.descriptor.digest)) : undefined;
      // The destination already had the time that the source took.
      const wait = patienceFor(performance.now() - began, named === undefined ? patience : 0);
      await copyTree(run, root, Promise.resolve(there), { ...chosen, tags, patience: wait });
    }
  } catch (error) {
    run.tally.fail(error);
    throw error;
  } finally {
    release();
    end.abort(over);
    const { blobs, manifests, again } = run;
    await Promise.allSettled([named, ...blobs.values(), ...manifests.values(), ...again.values()]);
  }
  run.tally.finish();
  return root.descriptor;
}

/**
 * Returns the root if the destination already has it under its tag. This takes one request to each side and reads no
 * manifest. Returns undefined when the tag names another manifest, and when the destination is slow: the copy then
 * reads from the source in the meantime.
 */
async function findSame(
  { from, signal }: CopyRun,
  reference: string,
  named: Promise<Descriptor | undefined>,
  patience: number,
): Promise<Descriptor | undefined> {
  const there = await soon(named, patience);
  if (there === undefined) return undefined;
  // A reference that cannot be resolved may still be readable; otherwise the reading reports the error.
  const here = await from.manifests.resolve(reference, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  return here?.digest === there.digest ? here : undefined;
}

interface Chosen {
  readonly root: Manifest;
  readonly wants?: (child: Descriptor) => boolean;
  /** The platform that the index names for the selected root. */
  readonly platform?: Platform;
}

/**
 * Copies the root before its referrers, since not every registry accepts a referrer before its subject, and again for
 * its tags.
 */
async function copyWithReferrers(run: CopyRun, chosen: Chosen): Promise<void> {
  const { root, wants } = chosen;
  const there = wants === undefined ? resolveAt(run, root.descriptor.digest) : undefined;
  await copyTree(run, root, Promise.resolve(there), chosen);
  await copyReferrers(run, root, wants);
}

/**
 * Selects the root of the copy. For a sparse index it is not enough that the destination has it: an earlier copy may
 * have selected other children.
 */
async function choose(
  from: Repository,
  found: Manifest,
  { platforms, sparse = false, signal }: CopyOptions,
): Promise<Chosen> {
  if (platforms === undefined) return { root: found };
  if (!sparse || found.body.kind !== 'index') {
    const root = await selectRoot(from, found, platforms, { signal });
    const { platform } =
      manifestsOf(found.body).find(({ digest }) => digest === root.descriptor.digest) ?? {};
    return { root, ...(platform === undefined ? {} : { platform }) };
  }
  return { root: found, wants: (await selectChildren(from, found, platforms, { signal })).includes };
}

function resolveAt({ to, signal }: CopyRun, reference: string): Promise<Descriptor | undefined> {
  const found = attempt({ side: 'destination', step: `resolve ${reference}` }, signal, () =>
    to.manifests.resolve(reference, { signal, whole: true }),
  );
  // Awaited later, or never when the source fails first.
  found.catch(() => undefined);
  return found;
}
