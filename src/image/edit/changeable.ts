import type { JsonChange } from '../../json/edit.ts';
import { parseImageConfig } from '../../json/image-config.ts';
import { isConfigType } from '../../spec/media-type.ts';
import {
  arrayOf,
  bytes,
  checkArgument,
  checkOptions,
  object,
  recordOf,
  type Shape,
} from '../../spec/options.ts';
import { type Platform, toPlatform } from '../../spec/platform.ts';
import { checkTime } from '../../spec/rfc3339.ts';
import { aLayer } from '../../store/checks.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { AddedLayers, Image, ImageContent } from '../image.ts';
import type { Layer } from '../layer.ts';
import { checkConfigEdit, configEdits, nullableText } from './config-edit.ts';
import {
  documentsOf,
  editDocuments,
  type ImageDocuments,
  refuseArtifact,
  replaceConfig,
} from './documents.ts';
import { addedSteps, layersFor, stepsOf, withSteps } from './steps.ts';

/** A change of an image. */
interface Change {
  /** Returns the changed documents, or the given ones if nothing changes. */
  readonly documents: (documents: ImageDocuments, options?: SignalOptions) => Promise<ImageDocuments>;
  /**
   * Returns the layers of the changed image. It does not read the changed documents, since the digest of a streaming layer
   * is unknown until it has been pushed.
   * @defaultValue the same layers
   */
  readonly layers?: ((options?: SignalOptions) => Promise<readonly Layer[]>) | undefined;
}

/** Returns the changed view of an image. Changes the documents once, when they are first requested. */
export function changed(
  content: ImageContent,
  { documents: change, layers = (options) => content.layers(options) }: Change,
): Image {
  let known: ImageDocuments | undefined;
  const documents = async (options?: SignalOptions): Promise<ImageDocuments> => {
    known ??= await change(await documentsOf(content, options), options);
    return known;
  };
  return changeable({
    kind: 'image',
    manifest: async (options) => (await documents(options)).manifest,
    rawConfig: async (options) => (await documents(options)).config,
    config: async (options) => parseImageConfig((await documents(options)).config),
    layers,
  });
}

const addedShape: Shape<AddedLayers> = { history: arrayOf(object) };

/** Gives an image its changes. */
export function changeable(content: ImageContent): Image {
  return {
    ...content,
    withConfig(change) {
      checkConfigEdit(change);
      return configured(content, (config) => configEdits(parseImageConfig(config), change));
    },
    withRawConfig(config) {
      checkArgument('withRawConfig', 'config', config, bytes);
      return changed(content, {
        async documents(documents) {
          const replaced = replaceConfig(documents, config);
          if (replaced !== documents && isConfigType(documents.manifest.body.config.mediaType))
            stepsOf(replaced);
          return replaced;
        },
      });
    },
    withLayers: (layers, options = {}) => withLayers(content, layers, options),
    withoutLayers: (matches) => withoutLayers(content, matches),
    withAnnotations(annotations) {
      checkArgument('withAnnotations', 'annotations', annotations, recordOf(nullableText));
      const edits = Object.entries(annotations).map(([key, value]) => ({
        path: ['annotations', key] as const,
        value: value ?? undefined,
      }));
      return changed(content, {
        documents: async (documents) => editDocuments(documents, { manifest: edits }),
      });
    },
    withPlatform(platform) {
      const edits = platformEdits(toPlatform(platform));
      return configured(content, () => edits);
    },
    withCreated(created) {
      if (created !== null) checkTime(created);
      return configured(content, () => [{ path: ['created'], value: created ?? undefined }]);
    },
  };
}

/** Changes members of the config. */
function configured(
  content: ImageContent,
  edits: (config: ImageDocuments['config']) => readonly JsonChange[],
): Image {
  return changed(content, {
    async documents(documents) {
      refuseArtifact(documents.manifest);
      return editDocuments(documents, { config: edits(documents.config) });
    },
  });
}

function withLayers(content: ImageContent, layers: readonly Layer[], options: AddedLayers): Image {
  checkArgument('withLayers', 'layers', layers, arrayOf(aLayer));
  checkOptions('withLayers', options, addedShape);
  return changed(content, {
    async documents(documents, read) {
      const added = await addedSteps(layersFor(documents.manifest, layers), options, read);
      return added.length === 0 ? documents : withSteps(documents, [...stepsOf(documents), ...added]);
    },
    layers: async (read) => [
      ...(await content.layers(read)),
      ...layersFor(await content.manifest(read), layers),
    ],
  });
}

function withoutLayers(content: ImageContent, matches: (layer: Layer, at: number) => boolean): Image {
  const kept = async (options?: SignalOptions): Promise<readonly boolean[]> =>
    (await content.layers(options)).map((layer, at) => !matches(layer, at));
  return changed(content, {
    async documents(documents, options) {
      const keeps = (await kept(options)).values();
      const steps = stepsOf(documents);
      return withSteps(
        documents,
        steps.filter(({ layer }) => layer === undefined || keeps.next().value === true),
      );
    },
    async layers(options) {
      const keeps = await kept(options);
      return (await content.layers(options)).filter((_, at) => keeps[at]);
    },
  });
}

function platformEdits({
  os,
  architecture,
  variant,
  'os.version': version,
  'os.features': features,
}: Platform): readonly JsonChange[] {
  return [
    { path: ['architecture'], value: architecture },
    { path: ['os'], value: os },
    { path: ['variant'], value: variant },
    { path: ['os.version'], value: version },
    ...(features === undefined ? [] : [{ path: ['os.features'] as const, value: features }]),
  ];
}
