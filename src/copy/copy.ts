import { InputError } from '../errors.ts';
import { onAbort } from '../flow/abort.ts';
import { createPool } from '../flow/pool.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import {
  signal as abortSignal,
  amount,
  callback,
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
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { CopyObserver } from './events.ts';
import { attempt } from './failure.ts';
import { createTally } from './progress.ts';
import { bringReferrers } from './referrers.ts';
import { selectChildren, selectRoot } from './select.ts';
import { soon } from './soon.ts';
import { bring, headStart, type Journey, patienceFor } from './walk.ts';

export interface CopyOptions extends SignalOptions {
  /** Names at the destination, written last. None: the root is there under its digest only. */
  readonly tags?: readonly string[];
  /** The destination is known not to have these tags, and isn't asked what it has under them. */
  readonly tagsAreNew?: boolean;
  /**
   * Objects, or as in `linux/arm64/v8`. Default: everything. One: that image becomes the root. Several: an index of just
   * these.
   */
  readonly platforms?: readonly (Platform | string)[];
  /** With `platforms`: the index as it is, its digest kept, of which only these children are brought. */
  readonly sparse?: boolean;
  /** Repositories of the destination's registry that are known to hold a blob: the source's own name, or by blob. */
  readonly mountFrom?: string | ((blob: Descriptor) => readonly string[]);
  /** Blobs whose bytes move at once. Default: by their sizes, few large ones or many small ones. */
  readonly jobs?: number;
  /** Copy layers, too, that are not meant to be distributed. */
  readonly nondistributable?: boolean;
  /**
   * Bring what refers to what is copied, too: the graph of referrers, and the tags of cosign (`sha256-….sig` and its
   * kin). They come before the root gets its tags. The destination lists them in its own way.
   */
  readonly referrers?: boolean;
  /**
   * Believe the destination nothing: read each blob that it has and compare it with its digest, send what is missing or
   * damaged, and write every manifest again. Costs a download of all that is there. Default: what the destination says that
   * it has is believed, and a manifest that is there to have all below it.
   */
  readonly repair?: boolean;
  /** Whether the destination is committed with this alone, so that it can say beforehand if it doesn't take it. Default true. */
  readonly alone?: boolean;
  /**
   * Milliseconds that the destination has to say that it has the root, before anything else is asked. Default 30: a registry
   * that is near answers in that time, and spares all other questions.
   */
  readonly patience?: number;
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

/** Why what nobody waits for any more is ended. Made once: each would note where it was made. */
const over = new DOMException('the copy is over', 'AbortError');

/**
 * The one journey: an image or an index with all that it names goes from one place to another, byte for byte.
 * Blobs come before the manifest that names them and the root last, so a tag never names half an image.
 * Bytes that the destination has are not read from the source. `to.commit()` is the caller's.
 *
 * Answers the root's descriptor at the destination. Throws CopyError with the side, the step and the code of its
 * cause; the reason of an aborted signal as it is.
 */
export async function copyImage(
  from: Repository,
  reference: string,
  to: Repository,
  options: CopyOptions = {},
): Promise<Descriptor> {
  checkOptions('copyImage', options, shape);
  const { tags = [], tagsAreNew = false, platforms, mountFrom, jobs } = options;
  const { nondistributable = false, referrers = false, repair = false, patience = headStart } = options;
  if (platforms?.length === 0) throw new InputError('INVALID_OPTION', 'no platform was chosen');
  const observe: CopyObserver = options.onEvent ?? (() => undefined);
  const end = new AbortController();
  const { signal } = end;
  const release = onAbort(options.signal, () => end.abort(options.signal?.reason));
  const journey: Journey = {
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
  // Asked while the source is still answering. Several tags are simply written.
  const isNew = tagsAreNew || repair;
  const named = tag === undefined || tags.length > 1 || isNew ? undefined : resolveAt(journey, tag);
  let root: Manifest;
  try {
    const isPlain = platforms === undefined && !referrers && !nondistributable;
    const same = named !== undefined && isPlain && (await findSame(journey, reference, named, patience));
    if (same) {
      observe({ kind: 'manifest', descriptor: same, outcome: 'existed', tags });
      journey.tally.finish();
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
    if (referrers) await bringAround(journey, chosen);
    if (!referrers || tags.length > 0) {
      const isAsked = tags.length <= 1 && !isNew && chosen.wants === undefined;
      const there = isAsked ? (named ?? resolveAt(journey, root.descriptor.digest)) : undefined;
      // What was asked before the source was has had its time.
      const wait = patienceFor(performance.now() - began, named === undefined ? patience : 0);
      await bring(journey, root, Promise.resolve(there), { ...chosen, tags, patience: wait });
    }
  } catch (error) {
    journey.tally.fail(error);
    throw error;
  } finally {
    release();
    end.abort(over);
    const { blobs, manifests, again } = journey;
    await Promise.allSettled([named, ...blobs.values(), ...manifests.values(), ...again.values()]);
  }
  journey.tally.finish();
  return root.descriptor;
}

/**
 * The root, if the destination has it under its name already: found out with a question to each side, and no manifest is read.
 * Undefined where it is another, and where the destination is slow to answer: the source is asked for its bytes meanwhile.
 */
async function findSame(
  { from, signal }: Journey,
  reference: string,
  named: Promise<Descriptor | undefined>,
  patience: number,
): Promise<Descriptor | undefined> {
  const there = await soon(named, patience);
  if (there === undefined) return undefined;
  // What can't be asked for can perhaps be read; if not, that says why.
  const here = await from.manifests.resolve(reference, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  return here?.digest === there.digest ? here : undefined;
}

interface Chosen {
  readonly root: Manifest;
  readonly wants?: (child: Descriptor) => boolean;
  /** What the index that the root was chosen from says it is for. */
  readonly platform?: Platform;
}

/** Not every registry takes a referrer before its subject: the root comes first, and once more for its tags. */
async function bringAround(journey: Journey, chosen: Chosen): Promise<void> {
  const { root, wants } = chosen;
  const there = wants === undefined ? resolveAt(journey, root.descriptor.digest) : undefined;
  await bring(journey, root, Promise.resolve(there), chosen);
  await bringReferrers(journey, root, wants);
}

/**
 * What a copy begins with. Of a sparse index it is not enough that the destination has it: the children that are
 * wanted now may be others than those that were wanted then.
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

function resolveAt({ to, signal }: Journey, reference: string): Promise<Descriptor | undefined> {
  const found = attempt({ side: 'destination', step: `resolve ${reference}` }, signal, () =>
    to.manifests.resolve(reference, { signal, whole: true }),
  );
  // Awaited later, or never when the source fails first.
  found.catch(() => undefined);
  return found;
}
