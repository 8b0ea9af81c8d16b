import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import {
  signal as abortSignal,
  amount,
  arrayOf,
  callback,
  count,
  either,
  flag,
  object,
  type Shape,
  text,
} from '../spec/options.ts';
import type { Platform } from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { NamedRoot } from '../store/named-root.ts';
import type { CopyObserver } from './events.ts';

/** Settings of a copy. */
export interface CopyOptions extends SignalOptions {
  /**
   * The tags to set at the destination, written last. Without tags the root is stored under its digest only.
   * @defaultValue none
   */
  readonly tags?: readonly string[] | undefined;
  /**
   * Promises that the destination does not have these tags, so the copy does not ask for them.
   * @defaultValue false
   */
  readonly tagsAreNew?: boolean | undefined;
  /**
   * Expects the destination to have these tags, perhaps of the same root. The copy then compares both sides before it reads
   * the source, which saves a pull if nothing has changed.
   * @defaultValue false
   */
  readonly tagsAreThere?: boolean | undefined;
  /**
   * The platforms to copy, as objects or as in `linux/arm64/v8`. One platform makes its image the root; several make an
   * index of only these.
   * @defaultValue all
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /**
   * With `platforms`: keeps the index and its digest, and copies only the selected children.
   * @defaultValue false
   */
  readonly sparse?: boolean | undefined;
  /**
   * Repositories of the destination's registry that are known to have a blob: the name of the source, or a function per
   * blob.
   */
  readonly mountFrom?: string | ((blob: Descriptor) => readonly string[]) | undefined;
  /**
   * The number of blobs that move at once.
   * @defaultValue by size: few large blobs or many small ones
   */
  readonly jobs?: number | undefined;
  /**
   * Copies also the layers that registries may not distribute.
   * @defaultValue false
   */
  readonly nondistributable?: boolean | undefined;
  /**
   * Copies also the referrers of all copied manifests, their referrers in turn, and the manifests under cosign's tags
   * (`sha256-….sig`, `.att`, `.sbom`). They arrive before the root gets its tags. The destination lists them in its own
   * way.
   * @defaultValue false
   */
  readonly referrers?: boolean | undefined;
  /**
   * Does not trust the destination: reads each of its blobs, compares the digest, sends missing and damaged ones, and
   * writes every manifest again. This downloads all content that the destination has. Without it, a copy trusts the
   * destination's answers, and trusts that a manifest there is complete.
   * @defaultValue false
   */
  readonly repair?: boolean | undefined;
  /**
   * True if only this copy is committed to the destination, so that the destination can refuse it in advance.
   * @defaultValue true
   */
  readonly alone?: boolean | undefined;
  /**
   * Milliseconds that the destination has to report that it has the root, before the copy asks anything else. A nearby
   * registry answers in that time and saves all other requests.
   * @defaultValue 30
   */
  readonly patience?: number | undefined;
  /**
   * Decides whether the copy happens. Called and awaited once, after the root is chosen and before anything is asked of
   * or written to the destination; with it, the first question to the destination waits for the decision. `root` is the
   * image or index that will be copied, `from` the source, for example to read signatures; `named` is the image that was asked
   * for, such as the index of a chosen image. An error that it throws ends the copy unchanged. Streamed layers of a pushed image go out before, since the root depends on their bytes.
   * @defaultValue every root is copied
   */
  readonly admit?: ((root: Manifest, from: Repository, named: NamedRoot) => Promise<void> | void) | undefined;
  /** Receives the events of the copy. */
  readonly onEvent?: CopyObserver | undefined;
}

/** The checks of the settings. */
export const copyShape: Shape<CopyOptions> = {
  tags: arrayOf(text),
  tagsAreNew: flag,
  tagsAreThere: flag,
  platforms: arrayOf(either('a platform', text, object)),
  sparse: flag,
  mountFrom: either('a name or a function', text, callback),
  jobs: count,
  nondistributable: flag,
  referrers: flag,
  repair: flag,
  patience: amount,
  alone: flag,
  admit: callback,
  onEvent: callback,
  signal: abortSignal,
};
