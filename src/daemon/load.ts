import { blobMember } from '../archive/blob-member.ts';
import { dockerDocuments } from '../archive/oci-form.ts';
import { refuseUnloadable } from '../archive/staged.ts';
import { createStagedManifests, type StagedManifests } from '../archive/staged-manifests.ts';
import { UnsupportedError } from '../errors.ts';
import { needless, unlessAborted } from '../flow/abort.ts';
import { type Content, mapContent } from '../flow/content.ts';
import { verified } from '../flow/verify.ts';
import type { WorkLedger, WorkSum } from '../flow/work.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { formatPlatform } from '../spec/platform.ts';
import { formatReference, formatRepository, type Reference } from '../spec/reference.ts';
import { checkTags } from '../store/admission.ts';
import type {
  Blobs,
  Manifests,
  Repository,
  SignalOptions,
  WriteOptions,
  WriteOutcome,
} from '../store/contract.ts';
import type { Engine } from './engine.ts';
import type { DaemonFacts } from './facts.ts';
import { familiarName } from './image-name.ts';
import { findImage, tagImage } from './images.ts';
import { createLoadStream, type LoadStream } from './load-stream.ts';
import { createSpooledBlobs, type SpooledBlobs } from './spooled-blobs.ts';

/**
 * Opens a repository of a daemon for writing. The daemon loads its content when it is committed; disposing it before breaks the
 * request off, and the daemon drops the bytes so far.
 *
 * A copy announces its root (`admit`). Its blobs then go out as they come, one after the other, in one tar that is both an OCI
 * layout and the form of `docker save`; if the daemon has the image, only its names do. Content without an announced root waits
 * on disk until the commit.
 */
export async function createLoad(
  engine: Engine,
  name: RepositoryName,
  works: WorkLedger,
  options: SignalOptions = {},
): Promise<Repository> {
  const load = new Load(engine, name, await engine.facts(options));
  return {
    name: engine.name,
    blobs: load.blobs,
    manifests: load.manifests,
    tags: load.staged.tags,
    referrers: load.staged.referrers,
    admit: (root, tags) => load.admit(root, tags),
    commit: (own = {}) => load.commit(works.of('write'), own),
    [Symbol.asyncDispose]: () => load.dispose(),
  };
}

/** The name of a repository with its registry. */
type RepositoryName = Pick<Reference, 'registry' | 'repository'>;
type Root = Pick<Manifest, 'descriptor' | 'body'>;

class Load {
  readonly blobs: Blobs;
  readonly manifests: Manifests;
  readonly staged: StagedManifests;
  readonly #engine: Engine;
  readonly #name: RepositoryName;
  readonly #facts: DaemonFacts;
  readonly #spooled: SpooledBlobs;
  readonly #stream: LoadStream;
  /** Ends the question about the root. */
  readonly #end = new AbortController();
  /** The sizes of the blobs that were sent, or that the daemon has. */
  readonly #there = new Map<Digest, number>();
  /** The folders in the tar. skopeo 1.9 gives a folder without an entry to root. */
  readonly #folders = new Set<string>();
  #root: Digest | undefined;
  /** Whether a blob was left out because the daemon has the image. */
  #isTrusted = false;
  /** The ID under which the daemon has the announced root. Absent without an announced root. */
  #known: Promise<Digest | undefined> | undefined;

  constructor(engine: Engine, name: RepositoryName, facts: DaemonFacts) {
    this.#engine = engine;
    this.#name = name;
    this.#facts = facts;
    this.#stream = createLoadStream(engine);
    this.#spooled = createSpooledBlobs(engine.name);
    this.blobs = {
      ...this.#spooled.blobs,
      stat: (digest, options) => this.#stat(digest, options),
      write: (blob, content, options) => this.#write(blob, content, options),
    };
    this.staged = createStagedManifests(engine.name, this.blobs);
    const { manifests } = this.staged;
    this.manifests = {
      ...manifests,
      resolve: async (reference, options = {}) =>
        (await manifests.resolve(reference, options)) ?? this.#resolve(reference, options),
      put: async (manifest, options = {}) => {
        checkTags(options.tags ?? []);
        await manifests.put(manifest, options);
      },
    };
  }

  /**
   * Refuses a root that the daemon cannot take.
   * @throws UNSUPPORTED for an artifact, for an index if the daemon keeps one platform, and for a second root
   */
  admit(root: Root, tags: readonly string[]): void {
    const { name } = this.#engine;
    checkTags(tags);
    refuseUnloadable(name, root);
    const { digest } = root.descriptor;
    if (this.#root !== undefined && this.#root !== digest)
      throw new UnsupportedError(
        'docker daemon',
        `${name} takes one image at a time: open it again for ${digest}`,
      );
    const { store, platform } = this.#facts;
    if (store === 'classic' && root.body.kind === 'index') {
      throw new UnsupportedError(
        'docker daemon',
        `${name} keeps one platform of an image, and ${digest} is an index: choose one, such as ${formatPlatform(platform)}`,
      );
    }
    this.#root = digest;
    this.#known ??= this.#find(root);
    // The first blob that is written gets the error.
    this.#known.catch(() => undefined);
  }

  async commit(work: WorkSum, options: SignalOptions): Promise<void> {
    options.signal?.throwIfAborted();
    const { all, names } = this.staged;
    if (all.size === 0) return;
    const known = this.#known && (await unlessAborted(this.#known, options.signal));
    if (known !== undefined && (this.#isTrusted || !this.#stream.hasBegun)) {
      const repository = formatRepository(this.#name);
      for (const tag of names.keys()) await tagImage(this.#engine, known, { repository, tag }, options);
      return;
    }
    const kept = await this.#spooled.kept();
    for (const digest of kept?.digests() ?? []) {
      const content = kept?.content(digest);
      if (content !== undefined && !this.#there.has(digest))
        await this.#send({ digest, size: content.size }, content, options);
    }
    const whole = [...names].map(
      ([tag, digest]) => [formatReference({ ...this.#name, tag }), digest] as const,
    );
    const documents = dockerDocuments({ path: this.#engine.name, manifests: { all, names: new Map(whole) } });
    const sent = new Set([...this.#there.keys()].map(blobMember));
    for (const file of documents) if (!sent.has(file.name)) await this.#stream.add(file, options);
    // The daemon unpacks the layers now, which takes longer than to send them.
    const part = work.begin([...this.#there.values()].reduce((sum, size) => sum + size, 0));
    await this.#stream.finish({ ...options, onLoaded: part.add });
    part.settle();
  }

  async dispose(): Promise<void> {
    this.#end.abort(needless);
    try {
      await this.#stream.abandon();
    } finally {
      await this.#spooled[Symbol.asyncDispose]();
    }
  }

  async #stat(digest: Digest, options: SignalOptions = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted();
    const size = this.#there.get(digest);
    if (size !== undefined) return { mediaType: MediaType.octetStream, digest, size };
    return this.#spooled.blobs.stat(digest, options);
  }

  async #write(blob: Descriptor, content: Content, options: WriteOptions = {}): Promise<WriteOutcome> {
    if (this.#known === undefined) return this.#spooled.blobs.write(blob, content, options);
    const { digest, size } = blob;
    if (options.replace !== true) {
      if ((await this.#stat(digest, options)) !== undefined) return 'existed';
      if ((await unlessAborted(this.#known, options.signal)) !== undefined) {
        this.#there.set(digest, size);
        this.#isTrusted = true;
        return 'existed';
      }
    }
    await this.#send(blob, checked(content, blob), options);
    return 'uploaded';
  }

  /** Sends a blob after all files so far. */
  async #send(
    { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
    content: Content,
    { signal, onProgress }: Pick<WriteOptions, 'signal' | 'onProgress'>,
  ): Promise<void> {
    const name = blobMember(digest);
    for (const folder of ['blobs/', name.slice(0, name.lastIndexOf('/') + 1)]) {
      if (this.#folders.has(folder)) continue;
      this.#folders.add(folder);
      // Its failure is that of the blob behind it.
      this.#stream.add({ name: folder, type: 'directory' }).catch(() => undefined);
    }
    await this.#stream.add({ name, size, content }, { signal, onProgress });
    this.#there.set(digest, size);
  }

  /** Returns the ID of the whole root in the daemon. A daemon that keeps no manifests knows an image by its config. */
  async #find({ descriptor, body }: Root): Promise<Digest | undefined> {
    const { store } = this.#facts;
    const id =
      store === 'containerd' ? descriptor.digest : body.kind === 'image' ? body.config.digest : undefined;
    if (id === undefined) return undefined;
    const image = await findImage(this.#engine, id, { signal: this.#end.signal });
    return image?.id === id && image.isWhole ? id : undefined;
  }

  /** A daemon that keeps no manifests answers with the ID of the image, which is the digest of its config. */
  async #resolve(
    reference: string,
    { whole = false, signal }: SignalOptions & { readonly whole?: boolean | undefined },
  ): Promise<Descriptor | undefined> {
    // It can never be the root that a copy asks for.
    if (whole && this.#facts.store === 'classic') return undefined;
    // An index goes out with all its images: without them, its tar would have none that an older daemon finds.
    if (whole && isDigest(reference) && reference !== this.#root) return undefined;
    const named = isDigest(reference) ? reference : familiarName({ ...this.#name, tag: reference });
    const image = await findImage(this.#engine, named, { signal });
    if (image === undefined || (whole && !image.isWhole)) return undefined;
    return { mediaType: MediaType.octetStream, digest: image.id, size: image.size };
  }
}

/** Verifies the content on its way, unless its place does so: nothing behind the tar does it before the end. */
function checked(content: Content, { digest, size }: Descriptor): Content {
  if (content.unverified !== undefined) return content;
  return mapContent(content, (source) => verified(source, { digest, size }));
}
