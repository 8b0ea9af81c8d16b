import { buildSettingsShape } from '../build/options.ts';
import {
  amount,
  arrayOf,
  type Check,
  callback,
  count,
  either,
  flag,
  object,
  oneOf,
  type Shape,
  signal,
  taking,
  text,
} from '../spec/options.ts';
import { aPlatform } from '../spec/platform.ts';
import type { AppendLayersOptions } from './append.ts';
import type { AppendIndexOptions } from './append-index.ts';
import type { BuildOptions } from './build-options.ts';
import type { ConvertOptions } from './convert.ts';
import type { EditOptions } from './edit.ts';
import type { EditIndexOptions } from './edit-index.ts';
import type { EditManifestOptions } from './edit-manifest.ts';
import type { FlattenImagesOptions } from './flatten.ts';
import type { ListIndexOptions } from './list-index.ts';
import { diskKinds } from './place.ts';
import type { RebaseOptions } from './rebase.ts';

const placeObject = taking(
  'a place, as parsePlace gives it',
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    ((value.kind === 'registry' && 'reference' in value) ||
      (value.kind === 'docker-daemon' && 'name' in value) ||
      (diskKinds.some((kind) => kind === value.kind) && 'path' in value)),
);

/** A place as a string, or parsed. */
export const placeOption: Check = either('a string or a place, as parsePlace gives it', text, placeObject);

/** The options of `edit`. */
export const editShape: Shape<EditOptions> = {
  signal,
  to: placeOption,
  platforms: arrayOf(aPlatform),
  keepAttestations: flag,
  indexAnnotations: object,
  dryRun: flag,
  replace: flag,
  noWait: flag,
  onWait: callback,
  jobs: count,
  nondistributable: flag,
  onEvent: callback,
};

/** The options of `editManifest`. */
export const editManifestShape: Shape<EditManifestOptions> = { ...editShape, mediaType: text };

/** The options of `flatten`. */
export const flattenShape: Shape<FlattenImagesOptions> = {
  ...editShape,
  keep: either('a whole number from 0', oneOf(0), count),
  base: placeOption,
  keepBase: flag,
};

/** The options of `rebase`. */
export const rebaseShape: Shape<RebaseOptions> = { ...editShape, oldBase: placeOption, newBase: placeOption };

/** The options of `convert`. */
export const convertShape: Shape<ConvertOptions> = {
  ...editShape,
  format: oneOf('docker', 'oci'),
  compression: oneOf('gzip', 'zstd', 'none'),
  level: count,
  digestAlgorithm: oneOf('sha256', 'sha512'),
  inlineData: amount,
  distributable: flag,
  stripHistory: flag,
  stripBuildArguments: arrayOf(text),
  stripPaths: arrayOf(text),
  time: either('a number or a string', amount, text),
  base: placeOption,
  allLayers: flag,
};

/** The options of `append`. */
export const appendShape: Shape<AppendLayersOptions> = {
  ...editShape,
  base: placeOption,
  history: object,
  baseAnnotations: flag,
  change: callback,
  compression: oneOf('gzip', 'zstd', 'none'),
  level: count,
  mtime: amount,
};

/** The options of `editIndex`. */
export const editIndexShape: Shape<EditIndexOptions> = {
  signal,
  to: placeOption,
  annotations: object,
  index: flag,
  dryRun: flag,
  replace: flag,
  noWait: flag,
  onWait: callback,
  jobs: count,
  nondistributable: flag,
  onEvent: callback,
};

/** The options of `appendIndex`. */
export const appendIndexShape: Shape<AppendIndexOptions> = {
  ...editIndexShape,
  base: placeOption,
  flatten: flag,
  platforms: arrayOf(aPlatform),
  platform: aPlatform,
  entryAnnotations: object,
  artifactType: text,
  mediaType: text,
  subject: placeOption,
};

/** The options of `listIndex`. */
export const listIndexShape: Shape<ListIndexOptions> = { signal, recursive: flag, index: flag };

/** The options of `build`. */
export const buildShape: Shape<BuildOptions> = {
  ...buildSettingsShape,
  signal,
  to: either('a place or a list of places', placeOption, arrayOf(placeOption)),
  base: placeOption,
  cacheFrom: placeOption,
  documentCache: text,
  sbom: oneOf('spdx', 'cyclonedx'),
  dryRun: flag,
  replace: flag,
  noWait: flag,
  onWait: callback,
  jobs: count,
  nondistributable: flag,
  onEvent: callback,
};
