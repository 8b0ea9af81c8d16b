import { blobFileContent, blobSize } from '../blobfile/blob-file.ts';
import { ContentError, NotFoundError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { blobsOf, type Manifest, manifestsOf } from '../spec/manifest.ts';
import { isManifestType, MediaType } from '../spec/media-type.ts';
import type { RawManifest, ReferrersOptions, SignalOptions } from '../store/contract.ts';
import { referrerEntry, subjectOf } from '../store/referrers.ts';
import type { LayoutIndex } from './index-file.ts';

/** The facts about a manifest that a walk needs. They never change, because the digest identifies them. */
interface Facts {
  readonly subject: Digest | undefined;
  readonly entry: Descriptor;
  readonly children: readonly Digest[];
  /** Config and layers. */
  readonly blobs: readonly Digest[];
}

interface WalkOptions extends SignalOptions {
  readonly onDamage?: ((digest: Digest) => void) | undefined;
}

/** The manifests of one layout, read from index.json and the blobs. */
export class LayoutManifests {
  readonly #folder: string;
  readonly #index: LayoutIndex;
  readonly #isGone: (digest: Digest) => boolean;
  readonly #facts = new Map<Digest, Facts>();

  constructor(folder: string, index: LayoutIndex, isGone: (digest: Digest) => boolean = () => false) {
    this.#folder = folder;
    this.#index = index;
    this.#isGone = isGone;
  }

  async resolve(reference: string, options: SignalOptions = {}): Promise<Descriptor | undefined> {
    options.signal?.throwIfAborted();
    // Looks for a name first: by its grammar, `alpine:3` could also be a digest.
    const named = this.#index.tagged(reference);
    const listed = named ?? (isDigest(reference) ? this.#index.withDigest(reference) : undefined);
    const digest = listed?.digest ?? (isDigest(reference) ? reference : undefined);
    if (digest === undefined || this.#isGone(digest)) return undefined;
    const size = await blobSize(this.#folder, digest);
    if (size === undefined) return undefined;
    if (listed === undefined) return this.#recognise(digest, size, options);
    const said = { mediaType: listed.mediaType, digest, size: listed.size };
    if (isManifestType(listed.mediaType)) return said;
    const known = await this.#recognise(digest, size, options);
    return known === undefined ? said : { ...known, size: listed.size };
  }

  async get(reference: string, options: SignalOptions = {}): Promise<Manifest> {
    const { descriptor, bytes } = await this.getRaw(reference, options);
    return parseManifest(bytes, { digest: descriptor.digest, mediaType: descriptor.mediaType });
  }

  async getRaw(reference: string, options: SignalOptions = {}): Promise<RawManifest> {
    const descriptor = await this.resolve(reference, options);
    if (descriptor === undefined) {
      throw new NotFoundError('MANIFEST_UNKNOWN', `${this.#folder} has no manifest ${reference}`);
    }
    return { descriptor, bytes: await this.#read(descriptor, options) };
  }

  async *referrers(
    subject: Digest,
    { artifactType, signal }: ReferrersOptions = {},
    more: Iterable<Digest> = [],
  ): AsyncIterable<Descriptor> {
    signal?.throwIfAborted();
    for await (const facts of this.walk(more, { signal })) {
      if (facts.subject !== subject) continue;
      if (artifactType === undefined || facts.entry.artifactType === artifactType) yield facts.entry;
    }
  }

  /**
   * Yields every manifest that is reachable from index.json and from `more`, each once. Skips missing ones. With
   * `onDamage`, reports unreadable ones and skips them; without it, they end the walk.
   */
  async *walk(more: Iterable<Digest> = [], options: WalkOptions = {}): AsyncIterable<Facts> {
    const queue = new Set([...this.#index.roots.map(({ digest }) => digest), ...more]);
    // A Set also yields the elements that are added during the iteration.
    for (const digest of queue) {
      const facts = await this.#walked(digest, options);
      if (facts === undefined) continue;
      for (const child of facts.children) queue.add(child);
      yield facts;
    }
  }

  async #walked(digest: Digest, { onDamage, ...options }: WalkOptions): Promise<Facts | undefined> {
    try {
      return await this.#factsOf(digest, options);
    } catch (error) {
      if (onDamage === undefined || !(error instanceof ContentError)) throw error;
      onDamage(digest);
      return undefined;
    }
  }

  async #factsOf(digest: Digest, options: SignalOptions): Promise<Facts | undefined> {
    if (this.#isGone(digest)) return undefined;
    const known = this.#facts.get(digest);
    if (known !== undefined) return known;
    if ((await this.resolve(digest, options)) === undefined) return undefined;
    const manifest = await this.get(digest, options);
    const facts: Facts = {
      subject: subjectOf(manifest),
      entry: referrerEntry(manifest),
      children: manifestsOf(manifest.body).map((child) => child.digest),
      blobs: blobsOf(manifest.body).map((blob) => blob.digest),
    };
    this.#facts.set(digest, facts);
    return facts;
  }

  /** Recognises a manifest that no entry lists, such as the child of an index, by its document. */
  async #recognise(digest: Digest, size: number, options: SignalOptions): Promise<Descriptor | undefined> {
    if (size > manifestLimit) return undefined;
    const bytes = await this.#read({ mediaType: MediaType.octetStream, digest, size }, options);
    try {
      const { body, descriptor } = parseManifest(bytes, { digest });
      return body.kind === 'unknown' ? undefined : descriptor;
    } catch (error) {
      if (error instanceof ContentError) return undefined;
      throw error;
    }
  }

  #read(descriptor: Descriptor, options: SignalOptions): Promise<Uint8Array> {
    const content = blobFileContent(this.#folder, descriptor, { gone: this.#isGone });
    return collect(content.open(options), { limit: manifestLimit, what: `manifest ${descriptor.digest}` });
  }
}
