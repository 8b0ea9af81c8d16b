import type { Digest } from './digest.ts';

/**
 * The configuration of a container image: how to run it, and the uncompressed digests of its layers. This is a view;
 * fields that it does not name remain in the bytes.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
 */
export interface ImageConfig {
  /**
   * The CPU architecture in Go's spelling, such as `amd64`. Empty when the image has none, as in signatures stored as
   * images.
   */
  readonly architecture: string;
  /** The operating system in Go's spelling, such as `linux`. Empty when the image has none. */
  readonly os: string;
  /** The variant of the CPU, such as `v7`. */
  readonly variant?: string;
  /** The version of the operating system; used for Windows. */
  readonly 'os.version'?: string;
  /** Features that the operating system must have, such as `win32k`. */
  readonly 'os.features'?: readonly string[];
  /** The time of creation, in the form of RFC 3339. */
  readonly created?: string;
  /** The name or the address of the image's author. */
  readonly author?: string;
  /** The defaults for running a container. */
  readonly config?: RunConfig;
  /** The digests of the uncompressed layers, from the base upward. */
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
  /** The steps of the build, in order. */
  readonly history?: readonly HistoryEntry[];
}

/** The defaults for running a container. The names are those of the format. */
export interface RunConfig {
  /** User name or UID, optionally followed by `:` and a group. */
  readonly User?: string;
  /** The working directory of the process. */
  readonly WorkingDir?: string;
  /** The signal that stops the container, such as `SIGTERM`. */
  readonly StopSignal?: string;
  /** Environment variables as `NAME=value`. */
  readonly Env?: readonly string[];
  /** The command of the container. Arguments given at the start are appended. */
  readonly Entrypoint?: readonly string[];
  /** The default arguments, or the default command when there is no `Entrypoint`. */
  readonly Cmd?: readonly string[];
  /** Free key–value pairs. */
  readonly Labels?: Readonly<Record<string, string>>;
  /** The keys are ports such as `80/tcp`; the values are empty objects. */
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  /** The keys are paths; the values are empty objects. */
  readonly Volumes?: Readonly<Record<string, unknown>>;
}

/** One step of a build. */
export interface HistoryEntry {
  /** The time of the step, in the form of RFC 3339. */
  readonly created?: string;
  /** The command of the step. */
  readonly created_by?: string;
  /** The author of the step. */
  readonly author?: string;
  /** A message about the step. */
  readonly comment?: string;
  /** True when the step made no layer. */
  readonly empty_layer?: boolean;
}
