import { InputError } from '../errors.ts';
import { needless, onAbort } from '../flow/abort.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { checkArgument, checkOptions, text } from '../spec/options.ts';
import type { Platform } from '../spec/platform.ts';
import { aRepository } from '../store/checks.ts';
import type { Repository } from '../store/contract.ts';
import type { KnownRoots } from '../store/known-roots.ts';
import type { NamedRoot } from '../store/named-root.ts';
import { type CopyOptions, copyShape } from './copy-options.ts';
import { attempt } from './failure.ts';
import { findKnown, knownStart, tagKnown } from './known.ts';
import { createLedger } from './ledger.ts';
import { copyReferrers } from './referrers.ts';
import { askForRoot, type CopyRun, type Counting, createRun, settled } from './run.ts';
import { selectChildren, selectRoot } from './select.ts';
import { soon } from './soon.ts';
import { copyTree, headStart, patienceFor } from './walk.ts';

export type { CopyOptions } from './copy-options.ts';

/**
 * Copies an image or an index with all content that it names from one place to another, byte for byte. It writes blobs
 * before the manifest that names them, and the root last, so a tag never names an incomplete image. It does not read
 * blobs that the destination has. The caller calls `to.commit()`. Returns the descriptor of the root at the
 * destination.
 * @throws INVALID_OPTION for a wrong option
 * @throws CopyError with the side, the step and the code of its cause; the reason of an aborted signal and an error of
 * `admit` unchanged
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
  checkOptions('copyImage', options, copyShape);
  const ledger = createLedger(options.onEvent);
  let root: Descriptor;
  try {
    root = await copyCounted(from, reference, to, options, { ledger });
  } catch (error) {
    ledger.end(error);
    throw error;
  }
  ledger.end();
  return root;
}

/** As `copyImage`, with figures that add to those of other copies. Sends no end, and does not call `onEvent`. */
export async function copyCounted(
  from: Repository,
  reference: string,
  to: Repository,
  options: CopyOptions,
  counting: Counting,
): Promise<Descriptor> {
  if (options.platforms?.length === 0)
    throw new InputError(
      'INVALID_OPTION',
      'platforms is an empty list: name at least one platform, or leave the option out',
    );
  const end = new AbortController();
  const release = onAbort(options.signal, () => end.abort(options.signal?.reason));
  const run = createRun(from, to, options, counting, end.signal);
  let root: Descriptor;
  try {
    root = await copyRoot(run, reference, options);
  } finally {
    release();
    end.abort(needless);
    await settled(run);
  }
  run.tally.finish();
  return root;
}

async function copyRoot(run: CopyRun, reference: string, options: CopyOptions): Promise<Descriptor> {
  const { tags = [], referrers = false, patience = headStart } = options;
  const { from, ledger, signal } = run;
  const [tag] = tags;
  const question = await firstQuestion(run, options);
  const { known, named } = question;
  const same = named && (await findSame(run, reference, question, options));
  if (same) {
    ledger.tell({ kind: 'manifest', descriptor: same, outcome: 'existed', tags });
    return same;
  }
  const began = performance.now();
  const chosen = await attempt({ side: 'source', step: `read ${reference}` }, signal, async () =>
    choose(from, await from.manifests.get(reference, { signal }), { ...options, signal }),
  );
  // The destination already had the time that the source took.
  const wait = patienceFor(performance.now() - began, named === undefined ? patience : 0);
  const { root } = chosen;
  const { digest } = root.descriptor;
  await admitRoot(run, root, { reference, manifest: chosen.found }, options);
  if (referrers) await copyWithReferrers(run, chosen);
  if (referrers && tags.length === 0) return root.descriptor;
  const isWhole = isAsked(run, options) && chosen.wants === undefined;
  const isKnown = isWhole && isPlain(run, options) && known?.get(digest) === digest;
  const isNewTag = tag !== undefined && known?.get(tag) !== digest;
  if (named === undefined && isKnown && isNewTag && (await tagKnown(run, root, { ...chosen, tags })))
    return root.descriptor;
  const there = isWhole ? (named ?? askForRoot(run, tag ?? digest)) : undefined;
  // After a question by digest, the destination was asked for the root already.
  const patient = isKnown && !isNewTag ? knownStart : wait;
  await copyTree(run, root, Promise.resolve(there), { ...chosen, tags, patience: patient });
  return root.descriptor;
}

/** Returns whether the destination is asked for the root. Several tags are written without asking. */
function isAsked({ repair }: CopyRun, { tags = [], tagsAreNew = false }: CopyOptions): boolean {
  return tags.length <= 1 && !tagsAreNew && !repair;
}

/** Returns whether a root at the destination answers for all content below it. */
function isPlain({ nondistributable }: CopyRun, { referrers = false }: CopyOptions): boolean {
  return !referrers && !nondistributable;
}

/** The question that a copy asks the destination while it reads the source. */
interface Question {
  /** What gantry has seen at the destination. */
  readonly known: KnownRoots | undefined;
  /** The answer about the tag. Absent if the question has to wait for the root or for a decision. */
  readonly named?: ReturnType<typeof askForRoot>;
  /** The root that the tag is expected to name. */
  readonly expected?: Digest | undefined;
}

/**
 * Asks the destination for the tag, unless a decision comes before the first request. If gantry knows other roots of the
 * repository, it reads the source first: a known root can be asked for by its digest.
 */
async function firstQuestion(run: CopyRun, options: CopyOptions): Promise<Question> {
  const { tags: [tag] = [], tagsAreThere = false, admit } = options;
  const known = isAsked(run, options) ? await run.to.manifests.known?.() : undefined;
  if (tag === undefined || admit !== undefined || !isAsked(run, options)) return { known };
  const expected = known?.get(tag);
  const isOther = known?.isEmpty === false && expected === undefined && !tagsAreThere;
  return isOther ? { known } : { known, expected, named: askForRoot(run, tag) };
}

/** Lets the destination refuse the root by its type and content, and then the caller for any reason. */
async function admitRoot(
  { from, to, signal }: CopyRun,
  root: Manifest,
  named: NamedRoot,
  { alone = true, tags = [], admit }: CopyOptions,
): Promise<void> {
  if (alone) {
    const { digest } = root.descriptor;
    const step = { side: 'destination', step: `take ${digest}`, digest } as const;
    await attempt(step, signal, async () => to.admit?.(root, tags));
  }
  await admit?.(root, from, named);
  signal.throwIfAborted();
}

/**
 * Returns the root if the destination already has it under its tag. This takes one request to each side and reads no
 * manifest. Returns undefined when the tag names another manifest, and when the destination is slow: the copy then
 * reads from the source in the meantime.
 */
async function findSame(
  run: CopyRun,
  reference: string,
  { named, expected }: Question,
  options: CopyOptions,
): Promise<Descriptor | undefined> {
  const { platforms, tagsAreThere = false, patience = headStart } = options;
  if (named === undefined || platforms !== undefined || !isPlain(run, options)) return undefined;
  if (expected !== undefined || tagsAreThere)
    return findKnown(run, reference, named, ({ digest }) => tagsAreThere || digest === expected);
  const { from, signal } = run;
  const there = await soon(named, patience);
  if (there === undefined) return undefined;
  // A reference that cannot be resolved may still be readable; otherwise the reading reports the error.
  const here = await from.manifests.resolve(reference, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  return here?.digest === there.digest ? here : undefined;
}

interface Chosen {
  /** The manifest that the reference names. */
  readonly found: Manifest;
  readonly root: Manifest;
  readonly wants?: (child: Descriptor) => boolean;
  /** The platform that the index names for the selected root. */
  readonly platform?: Platform | undefined;
}

/**
 * Copies the root before its referrers, since not every registry accepts a referrer before its subject, and again for
 * its tags.
 */
async function copyWithReferrers(run: CopyRun, chosen: Chosen): Promise<void> {
  const { root, wants } = chosen;
  const there = wants === undefined ? askForRoot(run, root.descriptor.digest) : undefined;
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
  if (platforms === undefined) return { found, root: found };
  if (!sparse || found.body.kind !== 'index') {
    const root = await selectRoot(from, found, platforms, { signal });
    const { platform } =
      manifestsOf(found.body).find(({ digest }) => digest === root.descriptor.digest) ?? {};
    return { found, root, platform };
  }
  return { found, root: found, wants: (await selectChildren(from, found, platforms, { signal })).includes };
}
