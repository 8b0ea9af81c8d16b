import type { Digest } from './digest.ts';

/**
 * What a container image runs as, and the uncompressed digests of its layers.
 * A view: fields that it doesn't name are still in the bytes.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md
 */
export interface ImageConfig {
  /** Empty where the image doesn't say, as signatures stored as images don't. */
  readonly architecture: string;
  /** Empty where the image doesn't say. */
  readonly os: string;
  readonly variant?: string;
  readonly 'os.version'?: string;
  readonly 'os.features'?: readonly string[];
  /** RFC 3339. */
  readonly created?: string;
  readonly author?: string;
  readonly config?: RunConfig;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly Digest[] };
  readonly history?: readonly HistoryEntry[];
}

/** How to run a container. The names are the format's. */
export interface RunConfig {
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Labels?: Readonly<Record<string, string>>;
  /** The keys are the ports; the values are empty objects. */
  readonly ExposedPorts?: Readonly<Record<string, unknown>>;
  /** The keys are the paths; the values are empty objects. */
  readonly Volumes?: Readonly<Record<string, unknown>>;
}

/** One step of a build; `empty_layer` when it made no layer. */
export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly empty_layer?: boolean;
}
