import { createSpool } from '../archive/spool.ts';
import { InputError, NotFoundError } from '../errors.ts';
import { counted } from '../flow/count.ts';
import type { WorkLedger } from '../flow/work.ts';
import type { ConversionLoss } from '../image/edit/convert.ts';
import { type CompressionLevel, checkLevel } from '../image/edit/recompress.ts';
import { type StrippedPaths, strippedPaths } from '../image/edit/strip-plan.ts';
import type { Algorithm } from '../spec/digest.ts';
import type { MediaFamily } from '../spec/media-family.ts';
import { checkTime } from '../spec/rfc3339.ts';
import type { SignalOptions } from '../store/contract.ts';
import { maxOctal } from '../tar/header.ts';
import { createBases } from './bases.ts';
import type { Connections } from './connections.ts';
import { type Asked, convertedBy, finishedBy, type Workshop } from './conversion.ts';
import { changeView, type EditedImage, type EditOptions, editView } from './edit.ts';
import { createKeptLayers } from './kept-layers.ts';
import { type LayerFile, layerOfTar } from './layers/layer-file.ts';
import { formatPlace, type Place, toPlace } from './place.ts';

/** Settings of `convert`. At least one of those beside `EditOptions` is necessary. */
export interface ConvertOptions extends EditOptions, Partial<CompressionLevel> {
  /**
   * The format: docker's media types, or OCI's.
   * @defaultValue that of the source
   */
  readonly format?: MediaFamily | undefined;
  /**
   * The algorithm of the digests of manifest, config and layers. The digests of the tars, in the config, stay.
   * @defaultValue that of the source
   */
  readonly digestAlgorithm?: Algorithm | undefined;
  /**
   * Inlines content of at most this many bytes in its descriptor, as `data`, and takes larger content out. With 0, none is
   * inlined.
   * @defaultValue content stays as it is
   */
  readonly inlineData?: number | undefined;
  /**
   * Makes layers that a licence restricts to the places in their `urls` ordinary layers, where the source has their bytes.
   * @defaultValue `false`
   */
  readonly distributable?: boolean | undefined;
  /**
   * Removes the history from the config.
   * @defaultValue `false`
   */
  readonly stripHistory?: boolean | undefined;
  /** Arguments of the build to remove from the history, each as `NAME=VALUE`. */
  readonly stripBuildArguments?: readonly string[] | undefined;
  /** Paths to remove from every layer, with everything below them. A layer that gets empty goes away. */
  readonly stripPaths?: readonly string[] | undefined;
  /**
   * The latest time, in seconds since 1970 or in the form of RFC 3339. The time of the image, of its history and of files in
   * its layers become this one if they are later. Everything from the base stays.
   */
  readonly time?: number | string | undefined;
  /**
   * The base of the image, for `time`.
   * @defaultValue by the annotations `org.opencontainers.image.base.name` and `.digest` of the image; without them none
   */
  readonly base?: string | Place | undefined;
  /**
   * Lets `time` concern the layers and the history of the base, too.
   * @defaultValue `false`
   */
  readonly allLayers?: boolean | undefined;
}

/** The result of a conversion. */
export interface ConvertedImage extends EditedImage {
  /** The members that docker's format has no place for, with their number in all manifests. */
  readonly losses: readonly ConversionLoss[];
}

/** Converts an image, or every image of an index. New layers stay in the temporary folder until the end. */
export async function convertImages(
  connections: Connections,
  source: string | Place,
  options: ConvertOptions,
): Promise<ConvertedImage> {
  const origin = toPlace(source);
  const name = formatPlace(origin);
  const asked = checkedOptions(options);
  const losses = new Map<ConversionLoss['member'], number>();
  const onLoss = ({ member, count }: ConversionLoss): void => {
    losses.set(member, (losses.get(member) ?? 0) + count);
  };
  // On disk, all bytes are at hand.
  const isRemote = origin.kind === 'registry';
  await using made = createMadeLayers(options);
  await using kept = createKeptLayers();
  await using bases = createBases(connections, options);
  const edited = await editView(
    connections,
    origin,
    async (view, opened) => {
      const { layerOf, keep } = made.of(opened.works);
      const { root, warn } = opened;
      const keeping = isRemote ? kept : undefined;
      const workshop = { root, warn, name, bases, layerOf, keep, kept: keeping, onLoss };
      const change = convertedBy(asked, workshop, options);
      const changed = await changeView(view, change, opened, options, finishedBy(asked, workshop));
      await changed.manifest(options);
      if (asked.stripped !== undefined) {
        refuseMissing(asked.stripped, name);
        warn('the removed files remain in the old layers: delete the old image where nobody may read them');
      }
      return changed;
    },
    options,
  );
  return { ...edited, losses: [...losses].map(([member, count]) => ({ member, count })) };
}

/** Refuses options that ask for nothing or contradict each other, before the first request. */
function checkedOptions(options: ConvertOptions): Asked {
  const { format, compression, level, inlineData, time, base, allLayers = false } = options;
  const { stripBuildArguments: buildArguments = [], stripPaths = [] } = options;
  const asked: Asked = {
    format,
    form: compression === undefined ? undefined : { compression, level },
    algorithm: options.digestAlgorithm,
    inlineData,
    isDistributable: options.distributable ?? false,
    isHistoryStripped: options.stripHistory ?? false,
    buildArguments,
    stripped: stripPaths.length === 0 ? undefined : strippedPaths(stripPaths),
    latest: time === undefined ? undefined : secondsOf(time),
    base: base === undefined ? undefined : toPlace(base),
    isEveryLayer: allLayers,
  };
  const isNothing = Object.values(asked).every(
    (value) => value === undefined || value === false || (Array.isArray(value) && value.length === 0),
  );
  if (isNothing) refuse('no option says what to convert');
  if (compression === undefined && level !== undefined) refuse('a level needs a compression');
  if (asked.form !== undefined) checkLevel(asked.form);
  if (format === 'docker' && compression === 'zstd')
    refuse("docker's media types have none for a layer with zstd; gzip is the smallest that they have");
  if (format === 'docker' && (inlineData ?? 0) > 0)
    refuse("docker's format has no place for inlined content");
  if (time === undefined && (base !== undefined || allLayers))
    refuse('a base, and all its layers, matter only with a time');
  if (base !== undefined && allLayers) refuse('the layers of the base change either all or not at all');
  if (buildArguments.some((pair) => !/^[^=\s]+=./s.test(pair)))
    refuse('an argument of the build is NAME=VALUE');
  return asked;
}

function refuse(reason: string): never {
  throw new InputError('INVALID_OPTION', `convert: ${reason}`);
}

/** Reads a time, in seconds or in the form of RFC 3339. */
function secondsOf(time: number | string): number {
  if (typeof time === 'string') checkTime(time);
  const seconds = typeof time === 'string' ? Math.floor(Date.parse(time) / 1000) : time;
  if (Number.isSafeInteger(seconds) && seconds >= 0 && seconds <= maxOctal) return seconds;
  return refuse(`${time} is no time from 1970 on, in whole seconds`);
}

function refuseMissing(stripped: StrippedPaths, name: string): void {
  const [first] = stripped.missing();
  if (first !== undefined) throw new NotFoundError('FILE_UNKNOWN', `${name}: no layer has /${first}`);
}

/** The new layers and kept bytes of one conversion, in the temporary folder. Disposing it removes them. */
interface MadeLayers extends AsyncDisposable {
  /** Returns the functions that store bytes, with the progress of their work. */
  of(works: WorkLedger): Pick<Workshop, 'layerOf' | 'keep'>;
}

function createMadeLayers({ signal }: SignalOptions): MadeLayers {
  const layers: LayerFile[] = [];
  const spool = createSpool();
  return {
    of: (works) => ({
      async layerOf(tar, form) {
        const part = works.of('pack').begin();
        const layer = await layerOfTar(counted(tar, part.add), { ...form, signal });
        layers.push(layer);
        return layer;
      },
      keep: (source) => spool.keep(source),
    }),
    async [Symbol.asyncDispose]() {
      for (const layer of layers.splice(0)) await layer[Symbol.asyncDispose]();
      await spool[Symbol.asyncDispose]();
    },
  };
}
