import type { Content, OpenOptions } from '../flow/content.ts';
import type { Pool } from '../flow/pool.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';

/**
 * The contract of a place. *Questions* (`stat`, `resolve`) answer `undefined` for absence; *demands* (`get`, reading
 * what `open` gave) throw NotFoundError. `delete` answers whether something was there.
 */
export interface Registry {
  /** Never touches the place by itself: the first use does. `intent` settles which rights are asked for. Throws NAME_INVALID. */
  repository(name: string, intent?: Intent): Repository;
  /** Names of the repositories that hold something, in byte order. */
  repositories(options?: ListOptions): AsyncIterable<string>;
}

/** What a repository is opened for, so that the first token already serves the last request. Default: pull. */
export interface Intent {
  readonly actions: readonly Action[];
  /** Names of repositories of the same registry that blobs may be mounted from. */
  readonly mountFrom?: readonly string[];
}

export type Action = 'pull' | 'push' | 'delete';

export interface Repository extends AsyncDisposable {
  readonly name: string;
  /** A hint: so many questions and demands are about to come at once. Left out where nothing can be made ready for them. */
  expect?(requests: number): void;
  readonly blobs: Blobs;
  readonly manifests: Manifests;
  readonly tags: Tags;
  /** Descriptors of the manifests whose `subject` is `subject`, with artifactType and annotations; none when there are none. */
  referrers(subject: Digest, options?: ReferrersOptions): AsyncIterable<Descriptor>;
  /**
   * Throws what `put` or `commit` would throw of this manifest under these tags if it was all that is written, before anything
   * is brought for it: UNSUPPORTED, INVALID_REFERENCE. Left out where a place takes everything, or can't tell beforehand.
   */
  admit?(root: Pick<Manifest, 'descriptor' | 'body'>, tags: readonly string[]): void;
  /**
   * Makes what was written visible, for places that must be finished (archive, layout); a no-op for the others.
   * Disposed without it, such a place leaves nothing behind.
   */
  commit(options?: SignalOptions): Promise<void>;
}

export interface Blobs {
  /** The blob's descriptor (mediaType application/octet-stream) if the repository has it. */
  stat(digest: Digest, options?: StatOptions): Promise<Descriptor | undefined>;
  /** Nothing is fetched until the content is opened. A whole read is verified against digest and size as it goes by. */
  open(blob: Digest | Descriptor): Content;
  /** Puts known content there in the cheapest way: nothing if it exists, mounted if it can be, uploaded otherwise. */
  write(blob: Descriptor, content: Content, options?: WriteOptions): Promise<WriteOutcome>;
  /** Puts content there whose digest is not yet known, in one pass. */
  ingest(content: Content, options?: IngestOptions): Promise<Descriptor>;
  /**
   * Links the blob from another repository of the same registry, or from any when `from` is left out.
   * `undefined`: the place would not. No bytes move.
   */
  mount(digest: Digest, options?: MountOptions): Promise<Descriptor | undefined>;
  start(options?: StartOptions): Promise<Upload>;
  /** An upload that was started before, here or in another process. Throws BLOB_UPLOAD_UNKNOWN. */
  resume(id: string, options?: SignalOptions): Promise<Upload>;
  delete(digest: Digest, options?: SignalOptions): Promise<boolean>;
}

export interface StatOptions extends SignalOptions {
  /**
   * All of it will be read next: a place that has to get it from elsewhere may begin to, in place of asking for it first.
   * Then this throws what reading would. Default false.
   */
  readonly reading?: boolean;
}

export type WriteOutcome = 'existed' | 'mounted' | 'uploaded';

export interface WriteOptions extends SignalOptions {
  /** Names of repositories of the same registry that are known to hold the blob, best first. */
  readonly mountFrom?: readonly string[];
  /**
   * Whether the bytes are sent although the place has them, or says so: they were found damaged or missing there. What it has
   * is replaced. Default false.
   */
  readonly replace?: boolean;
  /** Where bytes have to move, they move in a place of this pool; questions and mounts don't wait for one. */
  readonly pool?: Pool | undefined;
  readonly onProgress?: ProgressObserver | undefined;
}

export interface IngestOptions extends SignalOptions {
  readonly mediaType?: string;
  readonly algorithm?: 'sha256' | 'sha512';
  readonly onProgress?: ProgressObserver | undefined;
}

/** How far the bytes of one blob are, over all attempts. `moved` is the figure for a bar; no figure ever goes back but `sent` of an `Upload`. */
export interface BlobProgress {
  /** Bytes handed to the transport; what a retry sends again counts again. */
  readonly sent: number;
  /** Bytes that the place is known to have. A registry may tell at the end only. */
  readonly acknowledged: number;
  /** Bytes of the blob that went out at least once, or are there: each counts once, and the last figure is the blob's size. */
  readonly moved: number;
}

export type ProgressObserver = (progress: BlobProgress) => void;

export interface MountOptions extends SignalOptions {
  readonly from?: string;
}

export interface StartOptions extends SignalOptions {
  /** The algorithm of the digest that the upload will be committed under, where it is known. Default sha256. */
  readonly algorithm?: 'sha256' | 'sha512';
}

/**
 * One upload session, the same over HTTP, in memory and on disk. Bytes go in strictly in order.
 * Disposing is not cancelling: a session left alone can be resumed by id until the place forgets it.
 */
export interface Upload {
  /** Names the session to `resume`; over HTTP it is the newest Location, byte-exact. */
  readonly id: string;
  /** Bytes that the place has. */
  readonly offset: number;
  /** Chunk sizes in bytes that the place asks for; `min` does not bind the last chunk. */
  readonly limits: { readonly min?: number; readonly max?: number };
  /** Adds the content at `offset`, which moves on by what arrived, also when the append fails half way. */
  append(content: Content, options?: AppendOptions): Promise<void>;
  /** Adds `content` if given, closes the session and keeps the blob if it has that digest; throws DIGEST_INVALID otherwise. */
  commit(digest: Digest, content?: Content, options?: AppendOptions): Promise<Descriptor>;
  /**
   * Bytes that the place has so far, unverified, up to `offset`; none once the session has ended. Left out where a place
   * shows nothing before the commit.
   */
  open?(options?: OpenOptions): AsyncIterable<Uint8Array>;
  /** Forgets the session and its bytes. Quiet when it is gone already. */
  cancel(options?: SignalOptions): Promise<void>;
}

export interface AppendOptions extends SignalOptions {
  readonly onProgress?: ProgressObserver | undefined;
}

export interface Manifests {
  /** `reference` is a tag or a digest. */
  resolve(reference: string, options?: ResolveOptions): Promise<Descriptor | undefined>;
  /** Verified against the digest asked for. Throws MANIFEST_UNKNOWN, DIGEST_INVALID, TOO_LARGE. */
  get(reference: string, options?: SignalOptions): Promise<Manifest>;
  /**
   * The exact bytes, verified as by `get`, whatever they are: they need not be a manifest that gantry can read. Left out where
   * only such manifests are kept. Throws MANIFEST_UNKNOWN, DIGEST_INVALID, TOO_LARGE.
   */
  getRaw?(reference: string, options?: SignalOptions): Promise<RawManifest>;
  /**
   * Stores the exact bytes under their digest and then under each tag. Throws MANIFEST_BLOB_UNKNOWN where the place checks;
   * a registry also throws MANIFEST_INVALID for bytes that it serves under another type, since the first one stands.
   */
  put(manifest: Manifest, options?: PutOptions): Promise<void>;
  /** Removes a manifest and every tag on it. */
  delete(digest: Digest, options?: SignalOptions): Promise<boolean>;
}

/** The bytes of a manifest without a view of them. `mediaType` is what the place calls it. */
export type RawManifest = Pick<Manifest, 'descriptor' | 'bytes'>;

export interface ResolveOptions extends SignalOptions {
  /**
   * Whether a manifest is asked for with all that it needs: a place that can read its own disk answers `undefined` where a
   * blob or child is missing or damaged, so that a copy brings it again. Others answer as without. Default false.
   */
  readonly whole?: boolean;
}

export interface PutOptions extends SignalOptions {
  readonly tags?: readonly string[];
  /** What an index said the image is for: a layout notes it beside the image. */
  readonly platform?: Platform | undefined;
  /** Whether an image is kept although blobs that it names are not there, as lazily filled mirrors need it. Default false. */
  readonly sparse?: boolean;
  /**
   * Whether nothing that is there may change: a tag that leads to another manifest, or the type of the same bytes, is DENIED
   * and nothing is stored. The check and the write are one step. A place that can't do that throws UNSUPPORTED. Default false.
   */
  readonly createOnly?: boolean;
}

export interface Tags {
  /** In byte order; throws NAME_UNKNOWN when iterated if the repository is not there. */
  list(options?: ListOptions): AsyncIterable<string>;
  /** Removes one tag and nothing else. */
  delete(tag: string, options?: SignalOptions): Promise<boolean>;
}

export interface SignalOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ListOptions extends SignalOptions {
  /** Begin after this name, which need not exist. */
  readonly after?: string;
  /** A hint of how many to fetch at a time. */
  readonly pageSize?: number;
}

export interface ReferrersOptions extends SignalOptions {
  readonly artifactType?: string;
}
