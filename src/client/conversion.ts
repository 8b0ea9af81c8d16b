import { withLatestTime, withoutBuildArguments, withoutHistory } from '../image/edit/config-history.ts';
import { type ConversionLoss, convertedIndex, convertImage } from '../image/edit/convert.ts';
import { type KeepBytes, rehasher, withAlgorithm } from '../image/edit/digest-algorithm.ts';
import { withDistributableLayers } from '../image/edit/distributable.ts';
import { editIndexDocument } from '../image/edit/index-document.ts';
import { inlinedEntries, withInlineData } from '../image/edit/inline-data.ts';
import type { IndexChange } from '../image/edit/map-images.ts';
import { type CompressionLevel, type LayerMaker, recompressor } from '../image/edit/recompress.ts';
import { withRemadeLayers } from '../image/edit/remake.ts';
import { layerRewriter } from '../image/edit/rewrite-layers.ts';
import { stripThroughLinks } from '../image/edit/strip-links.ts';
import type { StrippedPaths } from '../image/edit/strip-plan.ts';
import type { Image } from '../image/image.ts';
import type { Algorithm } from '../spec/digest.ts';
import type { MediaFamily } from '../spec/media-family.ts';
import type { SignalOptions } from '../store/contract.ts';
import { type Bases, baseLayersOf } from './bases.ts';
import type { EditedSource, ImageChange } from './edit.ts';
import type { KeptLayers } from './kept-layers.ts';
import type { Place } from './place.ts';

/** The options of a conversion after their check. */
export interface Asked {
  readonly format?: MediaFamily | undefined;
  readonly form?: CompressionLevel | undefined;
  readonly algorithm?: Algorithm | undefined;
  readonly inlineData?: number | undefined;
  readonly isDistributable: boolean;
  readonly isHistoryStripped: boolean;
  readonly buildArguments: readonly string[];
  readonly stripped?: StrippedPaths | undefined;
  /** In whole seconds since 1970. */
  readonly latest?: number | undefined;
  readonly base?: Place | undefined;
  readonly isEveryLayer: boolean;
}

/** The surroundings of a conversion. */
export interface Workshop extends Pick<EditedSource, 'root' | 'warn'> {
  /** Makes a new layer on disk. */
  readonly layerOf: LayerMaker;
  /** Keeps bytes that are read twice on disk. */
  readonly keep: KeepBytes;
  /** Keeps layers that are read twice unpacked on disk. Undefined if they are there already. */
  readonly kept?: KeptLayers | undefined;
  readonly bases: Bases;
  /** The name of the source in errors. */
  readonly name: string;
  readonly onLoss: (loss: ConversionLoss) => void;
}

/**
 * Returns the conversion of one image, in the order that the steps need: OCI's media types come first, since they have zstd, and
 * docker's after the layers; digests and inlined content come last.
 */
export function convertedBy(asked: Asked, workshop: Workshop, read: SignalOptions): ImageChange {
  const { format, form, algorithm, inlineData } = asked;
  const { layerOf, keep, warn, onLoss } = workshop;
  const rewriteFiles = filesRewriter(asked, workshop);
  const repack = form === undefined ? undefined : recompressor({ ...form, layerOf });
  const rehash = algorithm === undefined ? undefined : rehasher(algorithm, keep);
  return async (image) => {
    let now = image;
    if (asked.isDistributable) {
      now = withDistributableLayers(now, ({ digest }) =>
        warn(
          `layer ${digest} stays restricted: its bytes are not at the source; copy the image with "nondistributable" first`,
        ),
      );
    }
    if (format === 'oci') now = convertImage(now, format);
    now = await rewriteFiles(now, read);
    if (asked.buildArguments.length > 0) now = withoutBuildArguments(now, asked.buildArguments);
    if (asked.isHistoryStripped) now = withoutHistory(now);
    if (repack !== undefined) now = withRemadeLayers(now, repack);
    if (format === 'docker') now = convertImage(now, format, { onLoss });
    if (algorithm !== undefined && rehash !== undefined) now = withAlgorithm(now, algorithm, rehash);
    if (inlineData !== undefined) now = withInlineData(now, inlineData);
    return now;
  };
}

/** Returns the conversion of an index itself, after its images. */
export function finishedBy({ format, algorithm, inlineData }: Asked, { onLoss }: Workshop): IndexChange {
  return async (manifest, context) => {
    const inFormat =
      format === undefined ? manifest : convertedIndex(manifest, format, { ...context, onLoss });
    const named = algorithm === undefined ? inFormat : editIndexDocument(inFormat, [], { algorithm });
    return inlineData === undefined ? named : inlinedEntries(named, inlineData, context);
  };
}

/** Returns the change of the times and files of an image. */
function filesRewriter(
  { stripped, latest, form, base, isEveryLayer }: Asked,
  { layerOf, kept, bases, name, root }: Workshop,
): (image: Image, read: SignalOptions) => Promise<Image> {
  if (stripped === undefined && latest === undefined) return async (image) => image;
  const rewrite = layerRewriter({ latest, form, layerOf });
  return async (image, read) => {
    const isWhole = latest === undefined || isEveryLayer;
    const baseLayers = isWhole ? 0 : ((await baseLayersOf(image, { base, bases, name, root }, read)) ?? 0);
    const timed = latest === undefined ? image : withLatestTime(image, { latest, baseLayers });
    // A layer is read for its links, once for the plan, and once more if something in it changes.
    const readable = kept?.keep(timed) ?? timed;
    const paths = stripped === undefined ? undefined : await stripThroughLinks(readable, stripped, read);
    return withRemadeLayers(readable, rewrite({ baseLayers, stripped: paths }));
  };
}
