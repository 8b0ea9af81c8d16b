import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import { attempt } from './failure.ts';
import { lackedBy } from './repair.ts';
import { askForRoot, type CopyRun } from './run.ts';
import { soon } from './soon.ts';

/**
 * Milliseconds that the destination has to confirm a root that gantry has seen there before. The answer most likely saves
 * all other questions, so a copy waits longer for it than for the answer about an unknown root.
 */
export const knownStart = 1000;

/**
 * Returns the root that both sides have under their tags. Asks both at the same time, and reads no manifest: registries count
 * each read manifest as a pull. Returns undefined if the source has a root for which `isKnown` is false, without waiting for
 * the destination.
 */
export async function findKnown(
  { from, signal }: CopyRun,
  reference: string,
  named: Promise<Descriptor | undefined>,
  isKnown: (root: Descriptor) => boolean,
): Promise<Descriptor | undefined> {
  // A reference that cannot be resolved may still be readable; otherwise the reading reports the error.
  const here = await from.manifests.resolve(reference, { signal }).catch(() => undefined);
  signal.throwIfAborted();
  if (here === undefined || !isKnown(here)) return undefined;
  const there = await soon(named, knownStart);
  signal.throwIfAborted();
  return there?.digest === here.digest ? here : undefined;
}

/**
 * Tags a root that gantry has seen at the destination, with one question and one write. Returns false if the destination no
 * longer has the root or content below it, and does not answer in time: the copy then sends what is missing.
 */
export async function tagKnown(
  run: CopyRun,
  root: Manifest,
  { tags, platform }: { readonly tags: readonly string[]; readonly platform?: Platform | undefined },
): Promise<boolean> {
  const { to, ledger, signal } = run;
  const { descriptor } = root;
  const { digest } = descriptor;
  const there = await soon(askForRoot(run, digest), knownStart);
  signal.throwIfAborted();
  if (there?.digest !== digest) return false;
  try {
    await attempt({ side: 'destination', step: 'write manifest', digest }, signal, () =>
      to.manifests.put(root, { tags, tagsOnly: true, platform, signal }),
    );
  } catch (error) {
    if (lackedBy(error, root.body) === undefined) throw error;
    return false;
  }
  ledger.tell({ kind: 'manifest', descriptor, outcome: 'written', tags });
  return true;
}
