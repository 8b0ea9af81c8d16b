import type { Content } from '../flow/content.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import type { Credential } from '../keychain/credential.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import { parseRegistry } from '../spec/reference.ts';
import type { ListOptions, SignalOptions } from '../store/contract.ts';
import { type ConnectionOptions, createConnections } from './connections.ts';
import { type CopyPlaceOptions, copyBetween, type TransferOptions } from './copy.ts';
import { type CopiedTag, copyTags } from './copy-repository.ts';
import type { Inspection } from './inspect.ts';
import { checkLogin, type LoginCheck } from './login.ts';
import type { Place } from './place.ts';
import { type PullOptions, pullTo } from './pull.ts';
import { type PushOptions, pushPath } from './push.ts';
import * as read from './read.ts';
import { type ListReferrersOptions, listReferrers, type ReferrerTree, referrerTree } from './referrers.ts';
import { fetchToken, type TokenOptions, type TokenReply } from './token.ts';
import { type Finding, type ValidateOptions, validateSubject } from './validate.ts';
import * as write from './write.ts';

export interface ClientOptions extends ConnectionOptions {
  /** Blobs whose bytes move at once in one copy. Default 4. */
  readonly jobs?: number;
  /** Copy layers, too, that are not meant to be distributed. */
  readonly nondistributable?: boolean;
  /** Ends everything that the client is doing, as the signal of each call does for that call. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Registries by their names. References are written as for docker (`alpine`, `ghcr.io/acme/app:1`, `localhost:5000/a@sha256:...`);
 * a place is a reference or `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, each with `:name` where it holds several.
 *
 * Every verb throws a GantryError: INVALID_REFERENCE and its kin before anything is sent, MANIFEST_UNKNOWN for what is
 * not there whatever the registry's words, UNAUTHORIZED and DENIED, NO_CONNECTION and its kin.
 */
export interface Client extends AsyncDisposable {
  /** What an image or index is; with `platform`, the image of the index for that. */
  inspect(place: string | Place, options?: read.ReadOptions): Promise<Inspection>;
  /** A lazy view; of an index, of its image for `platform`, by default linux/amd64. */
  getImage(reference: string, options?: read.ReadOptions): Promise<Image>;
  /** A lazy view of an index, as `getImage` is of an image. */
  getIndex(reference: string, options?: SignalOptions): Promise<Index>;
  getDescriptor(place: string | Place, options?: read.ReadOptions): Promise<Descriptor>;
  getManifest(place: string | Place, options?: read.ReadOptions): Promise<Manifest>;
  /** The config's exact bytes. */
  getConfig(place: string | Place, options?: read.ReadOptions): Promise<Uint8Array>;
  /** Of a `repository@digest`; nothing is fetched until it is opened. */
  openBlob(reference: string): Content;
  exists(place: string | Place, options?: SignalOptions): Promise<boolean>;
  blobExists(repository: string, digest: string, options?: SignalOptions): Promise<boolean>;

  /** Pushes what a path holds: a folder is an OCI layout, a file an archive. */
  push(path: string, reference: string, options?: PushOptions): Promise<Descriptor>;
  /** Pulls into one layout or archive, whole or not at all. */
  pull(references: readonly string[], path: string, options?: PullOptions): Promise<readonly Descriptor[]>;
  copy(source: string, destination: string, options?: CopyPlaceOptions): Promise<Descriptor>;
  /** Copies every tag of a repository, yielding each as it is done. */
  copyRepository(source: string, destination: string, options?: CopyPlaceOptions): AsyncIterable<CopiedTag>;
  pushImage(reference: string, image: Image, options?: TransferOptions): Promise<Descriptor>;
  pushIndex(reference: string, index: Index, options?: TransferOptions): Promise<Descriptor>;
  /** Pushes one layer and no manifest. */
  writeLayer(options: write.WriteLayerOptions): Promise<write.WrittenLayer>;
  /** Adds tags to a manifest that is there. */
  tag(reference: string, tags: string | readonly string[], options?: SignalOptions): Promise<Descriptor>;
  putManifest(reference: string, manifest: Manifest, options?: SignalOptions): Promise<Descriptor>;
  /** A tag is removed alone, a digest with every tag on it. */
  delete(reference: string, options?: SignalOptions): Promise<void>;

  /**
   * What refers to an image: signatures, lists of what is in it. Of an index, what refers to the index, or with `platform`
   * to its image for that. From the referrers API and the fallback tag, each digest once.
   */
  referrers(place: string | Place, options?: ListReferrersOptions): AsyncIterable<Descriptor>;
  /** As `referrers`, with what refers to them in turn. */
  referrerTree(place: string | Place, options?: ListReferrersOptions): Promise<ReferrerTree>;
  tags(repository: string, options?: ListOptions): AsyncIterable<string>;
  catalog(registry: string, options?: ListOptions): AsyncIterable<string>;
  /** Each thing that is wrong, or one finding without a problem. */
  validate(subject: string | Place, options?: ValidateOptions): AsyncIterable<Finding>;
  /** The bearer token that requests to a repository carry. */
  token(repository: string, options?: TokenOptions): Promise<TokenReply>;
  /** Asks a registry whether a credential is right, without keeping it. */
  checkLogin(registry: string, credential: Credential, options?: SignalOptions): Promise<LoginCheck>;
}

export function createClient(options: ClientOptions = {}): Client {
  const connections = createConnections(options);
  const { jobs, nondistributable, signal: whole } = options;
  const defaults = {
    ...(jobs === undefined ? {} : { jobs }),
    ...(nondistributable === undefined ? {} : { nondistributable }),
  };
  /** A call's own options over the client's; either's signal ends the call. */
  const merged = <T extends SignalOptions>(own: T): typeof defaults & T & SignalOptions => ({
    ...defaults,
    ...own,
    ...(whole === undefined
      ? {}
      : { signal: own.signal === undefined ? whole : AbortSignal.any([whole, own.signal]) }),
  });

  return {
    inspect: (place, own = {}) => read.inspect(connections, place, merged(own)),
    getImage: (reference, own = {}) => read.getImage(connections, reference, merged(own)),
    getIndex: (reference, own = {}) => read.getIndex(connections, reference, merged(own)),
    getDescriptor: (place, own = {}) => read.getDescriptor(connections, place, merged(own)),
    getManifest: (place, own = {}) => read.getManifest(connections, place, merged(own)),
    getConfig: (place, own = {}) => read.getConfig(connections, place, merged(own)),
    openBlob: (reference) => read.openBlob(connections, reference),
    exists: (place, own = {}) => read.exists(connections, place, merged(own)),
    blobExists: (repository, digest, own = {}) =>
      read.blobExists(connections, repository, digest, merged(own)),
    push: (path, reference, own = {}) => pushPath(connections, path, reference, merged(own)),
    pull: (references, path, own = {}) => pullTo(connections, references, path, merged(own)),
    copy: (source, destination, own = {}) => copyBetween(connections, source, destination, merged(own)),
    copyRepository: (source, destination, own = {}) =>
      copyTags(connections, source, destination, merged(own)),
    pushImage: (reference, image, own = {}) => write.pushView(connections, reference, image, merged(own)),
    pushIndex: (reference, index, own = {}) => write.pushView(connections, reference, index, merged(own)),
    writeLayer: (own) => write.writeLayer(connections, merged(own)),
    tag: (reference, tags, own = {}) => write.tag(connections, reference, [tags].flat(), merged(own)),
    putManifest: (reference, manifest, own = {}) =>
      write.putManifest(connections, reference, manifest, merged(own)),
    delete: (reference, own = {}) => write.deleteManifest(connections, reference, merged(own)),
    referrers: (place, own = {}) => listReferrers(connections, place, merged(own)),
    referrerTree: (place, own = {}) => referrerTree(connections, place, merged(own)),
    tags: (repository, own = {}) => read.openRepository(connections, repository).tags.list(merged(own)),
    catalog: (registry, own = {}) => connections.registry(parseRegistry(registry)).repositories(merged(own)),
    validate: (subject, own = {}) => validateSubject(connections, subject, merged(own)),
    token: (repository, own = {}) => fetchToken(connections, repository, merged(own)),
    checkLogin: (registry, credential, own = {}) =>
      checkLogin(connections, registry, credential, merged(own)),
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  };
}
