import { drain } from '../../flow/collect.ts';
import { gathered } from '../../flow/gather.ts';
import { verified } from '../../flow/verify.ts';
import { isDistributable, layerCompression } from '../../spec/media-type.ts';
import type { SignalOptions } from '../../store/contract.ts';
import { type EntryChange, rewriteTar } from '../../tar/rewrite.ts';
import { type CompressionLevel, type LayerMaker, noTar, storedCompression } from './recompress.ts';
import { type NewLayer, type OldLayer, onceForAll, type RemakeLayer } from './remake.ts';
import type { LayerStrip } from './strip-links.ts';
import { createStripPlan } from './strip-plan.ts';

/** A change of the files in layers. */
export interface LayerRewrite {
  /** Times of files after this one become this one. In whole seconds since 1970. */
  readonly latest?: number | undefined;
  /**
   * The compression of the new layers.
   * @defaultValue that of the old layer
   */
  readonly form?: CompressionLevel | undefined;
  readonly layerOf: LayerMaker;
}

/** The changes of one image. */
export interface ImageRewrite {
  /** The number of layers from the base, which keep their times. */
  readonly baseLayers: number;
  /** The paths to remove from a layer, by its position. */
  readonly stripped?: ((layer: number) => LayerStrip) | undefined;
}

/** The changes of one layer. */
interface OwnRewrite extends LayerRewrite {
  readonly stripped: LayerStrip | undefined;
}

/**
 * Returns the function that makes layers with changed files, for each image. It reads a layer twice if something in it changes: first to find hard links and later times. A layer that may not
 * be distributed stays as it is, and one that gets empty goes away.
 */
export function layerRewriter(rewrite: LayerRewrite): (image: ImageRewrite) => RemakeLayer {
  const made = onceForAll<string, NewLayer>();
  return ({ baseLayers, stripped: strippedOf }) =>
    async (old, read) => {
      const { descriptor, at } = old;
      if (!isDistributable(descriptor.mediaType)) return 'kept';
      if (layerCompression(descriptor.mediaType) === undefined) throw noTar(old);
      const latest = at < baseLayers ? undefined : rewrite.latest;
      const stripped = strippedOf?.(at);
      const work = (signal: AbortSignal): Promise<NewLayer> =>
        rewritten(old, { ...rewrite, latest, stripped }, { signal });
      const key = `${descriptor.digest} ${old.diffId} ${latest ?? ''} ${stripped?.key ?? ''}`;
      return made.run(key, work, read);
    };
}

async function rewritten(old: OldLayer, rewrite: OwnRewrite, read: SignalOptions): Promise<NewLayer> {
  const { changes, total, isLate } = await plannedChanges(old, rewrite, read);
  const dropped = [...changes.values()].filter((change) => change === 'drop').length;
  if (changes.size === 0 && !isLate) return 'kept';
  if (dropped === total) return 'removed';
  const form = rewrite.form ?? { compression: await storedCompression(old.layer, read) };
  const { latest } = rewrite;
  const change = (_: unknown, position: number): EntryChange => {
    const planned = changes.get(position) ?? 'keep';
    return planned === 'drop' || latest === undefined
      ? planned
      : { ...(planned === 'keep' ? {} : planned), latest };
  };
  const tar = rewriteTar(tarOf(old, read), change, { what: nameOf(old), ...read });
  // Compressing and hashing each header by itself would take longer than all else.
  return rewrite.layerOf(gathered(tar), form);
}

interface Planned {
  /** Changes by position. */
  readonly changes: ReadonlyMap<number, EntryChange>;
  readonly total: number;
  /** Whether a time is later than the latest. */
  readonly isLate: boolean;
}

/** Reads a layer for the changes in it. */
async function plannedChanges(
  old: OldLayer,
  { stripped, latest }: OwnRewrite,
  read: SignalOptions,
): Promise<Planned> {
  const what = nameOf(old);
  const plan = stripped === undefined ? undefined : createStripPlan(stripped, what);
  let total = 0;
  let isLate = false;
  const onChange = (): void => {
    isLate = true;
  };
  const trial = rewriteTar(
    tarOf(old, read),
    (entry, position) => {
      total++;
      plan?.add(entry, position);
      return { latest };
    },
    { what, onChange, ...read },
  );
  await drain(trial);
  return { changes: plan?.changes ?? new Map<number, EntryChange>(), total, isLate };
}

function nameOf({ descriptor }: OldLayer): string {
  return `layer ${descriptor.digest}`;
}

function tarOf(old: OldLayer, { signal }: SignalOptions): AsyncIterable<Uint8Array> {
  const what = `the tar of ${nameOf(old)}`;
  return verified(old.layer.uncompressed().open({ signal }), { digest: old.diffId, what });
}
