import { changed } from '../image/edit/changeable.ts';
import { type ConfigEdit, configEdits } from '../image/edit/config-edit.ts';
import { addedSteps, layersFor, stepsOf, withSteps } from '../image/edit/steps.ts';
import type { Image } from '../image/image.ts';
import type { Layer } from '../image/layer.ts';
import { parseImageConfig } from '../json/image-config.ts';

/** A layer with the words for it in the history. */
export interface BuiltPart {
  readonly name: string;
  readonly layer: Layer;
}

/** The parts that a build adds to its base. */
export interface BuiltParts {
  readonly layers: readonly BuiltPart[];
  readonly config: ConfigEdit;
  /** The time of the image and of its new history. */
  readonly created: string;
  /** Words about the config in the history. */
  readonly comment: string;
  /** All annotations of the manifest: those of the base describe the base. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** Puts the parts of a build on its base. Members of the base's config that the build does not change stay. */
export function builtImage(base: Image, parts: BuiltParts): Image {
  const { created, comment, annotations } = parts;
  const layers = parts.layers.map(({ layer }) => layer);
  const history = parts.layers.map(({ name }) => ({ created, created_by: `gantry build: ${name}` }));
  const about = comment === '' ? {} : { comment };
  const entry = { created, created_by: 'gantry build: config', ...about, empty_layer: true };
  return changed(base, {
    async documents(documents, read) {
      const before = stepsOf(documents);
      const added = await addedSteps(layersFor(documents.manifest, layers), { history }, read);
      const hasAnnotations = Object.keys(annotations).length > 0;
      return withSteps(documents, [...before, ...added, { entry }], {
        config: [
          { path: ['created'], value: created },
          ...configEdits(parseImageConfig(documents.config), parts.config),
        ],
        manifest: [
          // A referrer of another image would be one of the built image, too.
          { path: ['subject'], value: undefined },
          { path: ['annotations'], value: hasAnnotations ? annotations : undefined },
        ],
      });
    },
    layers: async (read) => [...(await base.layers(read)), ...layersFor(await base.manifest(read), layers)],
  });
}
