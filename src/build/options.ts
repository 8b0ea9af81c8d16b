import type { Compression } from '../flow/compression.ts';
import {
  arrayOf,
  type Check,
  count,
  either,
  oneOf,
  optionsOf,
  recordOf,
  type Shape,
  text,
} from '../spec/options.ts';
import { aPlatform, type Platform } from '../spec/platform.ts';

/** The description of an image that is built from a folder. */
export interface BuildSettings {
  /**
   * Builds only for these platforms, which the base must have.
   * @defaultValue linux/amd64 and linux/arm64, as far as the base has them; the platform of a base that is no index
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /**
   * The layers of the image, in place of those that gantry makes of the folder.
   * @defaultValue for a Node application its dependencies, its workspace packages, and the application; for any other folder
   * one layer
   */
  readonly layers?: readonly BuildLayer[] | undefined;
  /**
   * The command. Required if the folder has no package.json.
   * @defaultValue node with the start file of package.json, or only the file if the base starts node itself
   */
  readonly entrypoint?: readonly string[] | undefined;
  /** The arguments behind the command. */
  readonly cmd?: readonly string[] | undefined;
  /** Environment variables by name; null removes one of the base. A Node application also gets NODE_ENV=production. */
  readonly env?: Readonly<Record<string, string | null>> | undefined;
  /** Labels by key; null removes one of the base. */
  readonly labels?: Readonly<Record<string, string | null>> | undefined;
  /** Annotations of the image, and of the index if there is one. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /**
   * User name or UID, optionally followed by `:` and a group.
   * @defaultValue the user of the base, unless that is root; then the UID of `node` or `nonroot` in the base's /etc/passwd, or
   * 65532
   */
  readonly user?: string | undefined;
  /**
   * The working directory, and the place of the folder in the image.
   * @defaultValue '/app'
   */
  readonly workingDir?: string | undefined;
  /** Further exposed ports: `80`, `80/tcp`, `53/udp`. */
  readonly exposedPorts?: readonly string[] | undefined;
  /** Further volumes, as paths. */
  readonly volumes?: readonly string[] | undefined;
  /**
   * A file with patterns of files to leave out.
   * @defaultValue `.dockerignore` in the folder
   */
  readonly ignore?: string | undefined;
  /**
   * The time of the image and of its files, in the form of RFC 3339.
   * @defaultValue '1970-01-01T00:00:00Z'
   */
  readonly created?: string | undefined;
  /** @defaultValue 'gzip' */
  readonly compression?: Compression | undefined;
  /**
   * The level of gzip, 1 to 9.
   * @defaultValue 1
   */
  readonly level?: number | undefined;
}

/** A layer of files from the disk. */
export interface BuildLayer {
  /** A file or a folder, relative to the folder of the build. */
  readonly from: string;
  /**
   * The path in the image of that file, or of the content of that folder. A path that ends with a slash keeps the name of a
   * file.
   * @defaultValue the working directory
   */
  readonly to?: string | undefined;
  /**
   * Only the images for these platforms get the layer.
   * @defaultValue all
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /**
   * The UID and the GID of every file.
   * @defaultValue root
   */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /**
   * The permissions of every file. Readers of a folder can also enter it.
   * @defaultValue 0o755 for folders and executable files, 0o644 for all others
   */
  readonly mode?: number | undefined;
}

const id: Check = either('a whole number from 0', oneOf(0), count);
const owner: Shape<NonNullable<BuildLayer['owner']>> = { uid: id, gid: id };
const layer: Shape<BuildLayer> = {
  from: text,
  to: text,
  platforms: arrayOf(aPlatform),
  owner: optionsOf(owner),
  mode: id,
};
const nullable: Check = either('a string or null', text, oneOf(null));

/** The checks of the settings. */
export const buildSettingsShape: Shape<BuildSettings> = {
  platforms: arrayOf(aPlatform),
  layers: arrayOf(optionsOf(layer)),
  entrypoint: arrayOf(text),
  cmd: arrayOf(text),
  env: recordOf(nullable),
  labels: recordOf(nullable),
  annotations: recordOf(text),
  user: text,
  workingDir: text,
  exposedPorts: arrayOf(text),
  volumes: arrayOf(text),
  ignore: text,
  created: text,
  compression: oneOf('gzip', 'zstd', 'none'),
  level: count,
};
