import type { BuildSettings } from '../build/options.ts';
import type { SbomForm } from '../build/sbom/document.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Platform } from '../spec/platform.ts';
import type { TransferOptions } from './copy.ts';
import type { WaitOptions } from './open.ts';
import type { Place } from './place.ts';

/** Settings of `build`. */
export interface BuildOptions
  extends BuildSettings,
    Pick<TransferOptions, 'jobs' | 'nondistributable' | 'onEvent' | 'signal'>,
    WaitOptions {
  /** The place of the image, or several. */
  readonly to: string | Place | readonly (string | Place)[];
  /**
   * The image to build on; `scratch` for none.
   * @defaultValue for a Node application node:MAJOR-slim, by `engines.node` of its package.json
   */
  readonly base?: string | Place | undefined;
  /**
   * An earlier build. Its layers are taken if their files are the same.
   * @defaultValue the image at the first place of `to`
   */
  readonly cacheFrom?: string | Place | undefined;
  /**
   * Keeps manifests and configs of bases and of built images in this folder, so that a later build of an unchanged folder only
   * asks for the base and for the image before. Files go after 30 days.
   * @defaultValue none; the client remembers those of its own builds
   */
  readonly documentCache?: string | undefined;
  /**
   * Attaches a bill of materials of a Node application to the image, in the form of SPDX 2.3 or CycloneDX 1.6 (JSON).
   * @defaultValue none
   */
  readonly sbom?: SbomForm | undefined;
  /**
   * Computes the result, and writes nothing.
   * @defaultValue `false`
   */
  readonly dryRun?: boolean | undefined;
  /**
   * Replaces an existing archive. By default gantry adds the image, which takes over its name there.
   * @defaultValue `false`
   */
  readonly replace?: boolean | undefined;
}

/** The result of a build. */
export interface BuildResult {
  /** The image, or the index for several platforms. */
  readonly descriptor: Descriptor;
  /** The places that have it now. */
  readonly places: readonly Place[];
  /** The base, with its digest. Absent for an image without a base. */
  readonly base?: { readonly place: Place; readonly digest: Digest } | undefined;
  /** The platforms of the image. */
  readonly platforms: readonly Platform[];
  /** The layers above the base, from the base upward. */
  readonly layers: readonly BuildResultLayer[];
  /** The member of package.json that names the start file, if that decided. */
  readonly startedBy?: string | undefined;
  /** The bill of materials that refers to the image. */
  readonly sbom?: Descriptor | undefined;
}

/** A layer of a build. */
export interface BuildResultLayer {
  /** The words for it in the history, such as `dependencies`. */
  readonly name: string;
  /** The platforms of the images that have it; undefined for all. */
  readonly platforms?: readonly Platform[] | undefined;
  /** The stored bytes. */
  readonly descriptor: Descriptor;
  /** The digest of the uncompressed tar. */
  readonly diffId: Digest;
  /** Whether an earlier build has the same layer, so that it was not compressed. */
  readonly isReused: boolean;
}
