import type { Content } from '../flow/content.ts';
import type { Pool } from '../flow/pool.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import type { ProgressObserver } from './blob-progress.ts';
import type { KnownRoots } from './known-roots.ts';
import type { SignalOptions } from './signal-options.ts';
import type { StartOptions, Upload } from './upload.ts';
import type { UploadJournal } from './upload-journal.ts';

export type { SignalOptions } from './signal-options.ts';

/**
 * The contract of a place that stores images. Questions (`stat`, `resolve`) return `undefined` for absent content;
 * demands (`get`, reading from `open`) throw NotFoundError. `delete` returns true if it removed something.
 */
export interface Registry {
  /**
   * Opens a repository without touching the place, which only the first use does. `intent` decides the requested
   * rights.
   * @throws NAME_INVALID for a malformed name
   */
  repository(name: string, intent?: Intent): Repository;
  /** Lists the names of the repositories with content, in byte order. */
  repositories(options?: ListOptions): AsyncIterable<string>;
}

/**
 * The purpose of opening a repository. It lets the first token cover all later requests.
 * @defaultValue `{ actions: ['pull'] }`
 */
export interface Intent {
  /** The rights to request. */
  readonly actions: readonly Action[];
  /** Other repositories of the same registry, from which blobs may be mounted. */
  readonly mountFrom?: readonly string[] | undefined;
}

/** A right on a repository, in the words of token scopes. */
export type Action = 'pull' | 'push' | 'delete';

/** One repository of a place. Disposing it releases its resources. */
export interface Repository extends AsyncDisposable {
  /** The name inside the registry, or the name of the place in messages. */
  readonly name: string;
  /**
   * Announces that this many requests follow at once, so that the place can prepare connections. Absent where a place
   * has nothing to prepare.
   */
  preconnect?(requests: number): void;
  /** The blobs of the repository. */
  readonly blobs: Blobs;
  /** The manifests of the repository. */
  readonly manifests: Manifests;
  /** The tags of the repository. */
  readonly tags: Tags;
  /**
   * Lists the descriptors of the manifests with this `subject`, with artifactType and annotations. Empty when none
   * exists.
   */
  referrers(subject: Digest, options?: ReferrersOptions): AsyncIterable<Descriptor>;
  /**
   * Refuses a manifest under these tags before any of its content is transferred. Absent where a place accepts
   * everything or cannot decide in advance.
   * @throws UNSUPPORTED or INVALID_REFERENCE, as `put` or `commit` would
   */
  admit?(root: Pick<Manifest, 'descriptor' | 'body'>, tags: readonly string[]): void;
  /**
   * Publishes all writes of a place that must be finished (archive, layout); does nothing for others. Without it,
   * disposing such a place discards the writes.
   */
  commit(options?: SignalOptions): Promise<void>;
}

/** The blobs of a repository. */
export interface Blobs {
  /**
   * Returns the blob's descriptor (with the type application/octet-stream); undefined if the repository does not have
   * it.
   */
  stat(digest: Digest, options?: SignalOptions): Promise<Descriptor | undefined>;
  /**
   * Does the same as `stat` for a caller that reads the whole blob next: the place starts to fetch the blob instead of asking
   * for it first, and throws the errors of a reading. Absent where a place fetches nothing from elsewhere.
   */
  statToRead?(digest: Digest, options?: SignalOptions): Promise<Descriptor | undefined>;
  /**
   * Returns the content of a blob, which fetches nothing until it is opened. A reading of the whole verifies digest and
   * size.
   */
  open(blob: Digest | Descriptor): Content;
  /**
   * Returns a URL that serves the bytes of the blob to everyone who knows the URL, such as a signed one. Returns undefined
   * when the repository does not have the blob. Absent where a place has no such URLs.
   */
  locate?(digest: Digest, options?: SignalOptions): Promise<string | undefined>;
  /**
   * Stores known content at the lowest cost: does nothing if it exists, mounts it if possible, and uploads it
   * otherwise.
   * @throws DIGEST_INVALID or SIZE_INVALID when the content does not match its descriptor
   */
  write(blob: Descriptor, content: Content, options?: WriteOptions): Promise<WriteOutcome>;
  /**
   * Does the same as `write`, and takes a place in the pool while bytes move. Questions and mounts take none, so that they
   * do not wait for transfers. Absent where these cost little: the caller then takes a place for the whole `write`.
   */
  writeInPool?(blob: Descriptor, content: Content, pool: Pool, options?: WriteOptions): Promise<WriteOutcome>;
  /** Stores content of unknown digest in one pass and returns its descriptor. */
  ingest(content: Content, options?: IngestOptions): Promise<Descriptor>;
  /**
   * Mounts the blob from another repository of the same registry, or from any if `from` is absent, without moving
   * bytes. Returns undefined when the place refuses.
   */
  mount(digest: Digest, options?: MountOptions): Promise<Descriptor | undefined>;
  /** Starts an upload session. */
  start(options?: StartOptions): Promise<Upload>;
  /**
   * Continues an upload session that was started before, also in another process.
   * @throws BLOB_UPLOAD_UNKNOWN when the place has no such session
   */
  resume(id: string, options?: SignalOptions): Promise<Upload>;
  /** Removes a blob. Returns false if it did not exist. */
  delete(digest: Digest, options?: SignalOptions): Promise<boolean>;
}

/** How a blob came to a place: it was already there, was mounted from another repository, or was uploaded. */
export type WriteOutcome = 'existed' | 'mounted' | 'uploaded';

/** Settings of `Blobs.write`. */
export interface WriteOptions extends SignalOptions {
  /** Repositories of the same registry that are known to have the blob, best first. */
  readonly mountFrom?: readonly string[] | undefined;
  /**
   * Sends the bytes even if the place reports that it has the blob, because they were found damaged or missing there.
   * Replaces the stored blob.
   * @defaultValue false
   */
  readonly replace?: boolean | undefined;
  /**
   * Begins the upload without a question, because the place most likely lacks the content: it has just been made.
   * @defaultValue false
   */
  readonly isNew?: boolean | undefined;
  /**
   * The journal by which a later process can continue the upload. A place without lasting upload sessions ignores it.
   * @defaultValue none
   */
  readonly journal?: UploadJournal | undefined;
  /** Receives the progress of the transfer. */
  readonly onProgress?: ProgressObserver | undefined;
}

/** Settings of `Blobs.ingest`. */
export interface IngestOptions extends SignalOptions {
  /**
   * The media type in the returned descriptor.
   * @defaultValue 'application/octet-stream'
   */
  readonly mediaType?: string | undefined;
  /**
   * The algorithm of the digest.
   * @defaultValue 'sha256'
   */
  readonly algorithm?: 'sha256' | 'sha512' | undefined;
  /** Receives the progress of the transfer. */
  readonly onProgress?: ProgressObserver | undefined;
}

/** Settings of `Blobs.mount`. */
export interface MountOptions extends SignalOptions {
  /**
   * The repository that has the blob.
   * @defaultValue any repository of the registry
   */
  readonly from?: string | undefined;
}

/** The manifests of a repository. */
export interface Manifests {
  /** Returns the descriptor of the manifest with this tag or digest; undefined if it does not exist. */
  resolve(reference: string, options?: ResolveOptions): Promise<Descriptor | undefined>;
  /**
   * Returns the manifests that gantry has lately seen here, so that a copy can begin with the question that saves the others.
   * Absent where questions cost nothing.
   */
  known?(): Promise<KnownRoots>;
  /**
   * Returns a manifest, verified against the requested digest.
   * @throws MANIFEST_UNKNOWN when it does not exist
   * @throws DIGEST_INVALID for other content
   * @throws TOO_LARGE above 4 MiB
   */
  get(reference: string, options?: SignalOptions): Promise<Manifest>;
  /**
   * Returns the exact bytes, verified as by `get`, even if gantry cannot parse them. Absent where a place stores only
   * manifests that gantry parses.
   * @throws MANIFEST_UNKNOWN when it does not exist
   * @throws DIGEST_INVALID for other content
   * @throws TOO_LARGE above 4 MiB
   */
  getRaw?(reference: string, options?: SignalOptions): Promise<RawManifest>;
  /**
   * Stores the exact bytes under their digest and then under each tag.
   * @throws MANIFEST_BLOB_UNKNOWN when a blob is missing and the place checks this
   * @throws MANIFEST_INVALID when a registry already serves the bytes under another type
   */
  put(manifest: Manifest, options?: PutOptions): Promise<void>;
  /** Removes a manifest and all of its tags. Returns false if it did not exist. */
  delete(digest: Digest, options?: SignalOptions): Promise<boolean>;
}

/** The bytes of a manifest without a parsed view. `mediaType` is the type that the place gives. */
export type RawManifest = Pick<Manifest, 'descriptor' | 'bytes'>;

/** Settings of `Manifests.resolve`. */
export interface ResolveOptions extends SignalOptions {
  /**
   * Asks for a manifest together with all content that it needs. A place that can read its own disk returns undefined
   * when a blob or child is missing or damaged, so that a copy transfers it again. Other places ignore it.
   * @defaultValue false
   */
  readonly whole?: boolean | undefined;
}

/** Settings of `Manifests.put`. */
export interface PutOptions extends SignalOptions {
  /**
   * The tags to set on the manifest.
   * @defaultValue none
   */
  readonly tags?: readonly string[] | undefined;
  /** The platform that an index names for the image. A layout notes it beside the image. */
  readonly platform?: Platform | undefined;
  /**
   * Stores an image although some of its blobs are missing, as mirrors that fill up lazily need.
   * @defaultValue false
   */
  readonly sparse?: boolean | undefined;
  /**
   * Only sets tags: the repository has this manifest already. A registry without the referrers API then keeps the list
   * of referrers as it is.
   * @defaultValue false
   */
  readonly tagsOnly?: boolean | undefined;
  /**
   * Changes nothing that exists: fails if a tag names another manifest or the bytes have another type. The check and
   * the write are one step.
   * @throws DENIED when something would change
   * @throws UNSUPPORTED when the place cannot do both in one step
   * @defaultValue false
   */
  readonly createOnly?: boolean | undefined;
}

/** The tags of a repository. */
export interface Tags {
  /**
   * Lists the tags in byte order.
   * @throws NAME_UNKNOWN when the listing is iterated and the repository does not exist
   */
  list(options?: ListOptions): AsyncIterable<string>;
  /** Removes one tag and keeps its manifest. Returns false if the tag did not exist. */
  delete(tag: string, options?: SignalOptions): Promise<boolean>;
}

/** Settings of a listing. */
export interface ListOptions extends SignalOptions {
  /** Begins after this name, which need not exist. */
  readonly after?: string | undefined;
  /** The number of names to request per page; a hint. */
  readonly pageSize?: number | undefined;
}

/** Settings of `Repository.referrers`. */
export interface ReferrersOptions extends SignalOptions {
  /** Lists only referrers of this type. */
  readonly artifactType?: string | undefined;
}
