import type { Content } from '../flow/content.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import type { Credential } from '../keychain/credential.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import { signal as abortSignal, checkOptions, count, flag, type Shape } from '../spec/options.ts';
import { parseRegistry } from '../spec/reference.ts';
import type { ListOptions, RawManifest, SignalOptions } from '../store/contract.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { createConnections } from './connections.ts';
import type { CopyPlaceOptions, TransferOptions } from './copy.ts';
import type { CopiedTag, SkippedName } from './copy-repository.ts';
import type { Inspection } from './inspect.ts';
import type { LoginCheck } from './login.ts';
import { openBlob, openRepository } from './open.ts';
import { checkArguments, checkVerbOptions, connection, type Verb } from './options.ts';
import {
  copyTakesBoth,
  type Place,
  type RegistryPlace,
  toDiskSource,
  toPlace,
  toReference,
} from './place.ts';
import type { DeleteOptions, Deletion, PruneOptions } from './prune.ts';
import type { PullOptions } from './pull.ts';
import type { PushOptions } from './push.ts';
import type { ReadOptions } from './read.ts';
import type { ListReferrersOptions, ReferrerTree } from './referrers.ts';
import type { TokenOptions, TokenReply } from './token.ts';
import type { Finding, ValidateOptions } from './validate.ts';
import { warmUp, warmUpPush } from './warm-up.ts';
import type { WriteLayerOptions, WrittenLayer } from './write.ts';

export interface ClientOptions extends ConnectionOptions {
  /** Blobs whose bytes move at once in one copy. Default: by their sizes, few large ones or many small ones. */
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
  inspect(place: string | Place, options?: ReadOptions): Promise<Inspection>;
  /** A lazy view; of an index, of its image for `platform`, by default linux/amd64. */
  getImage(reference: string | Place, options?: ReadOptions): Promise<Image>;
  /** A lazy view of an index, as `getImage` is of an image. */
  getIndex(reference: string | Place, options?: SignalOptions): Promise<Index>;
  getDescriptor(place: string | Place, options?: ReadOptions): Promise<Descriptor>;
  getManifest(place: string | Place, options?: ReadOptions): Promise<Manifest>;
  /** The bytes that a place has as a manifest, whatever they are: those that `getManifest` refuses, too. */
  getRawManifest(place: string | Place, options?: ReadOptions): Promise<RawManifest>;
  /** The config's exact bytes. */
  getConfig(place: string | Place, options?: ReadOptions): Promise<Uint8Array>;
  /** Of a `repository@digest`; nothing is fetched until it is opened. */
  openBlob(reference: string | Place): Content;
  exists(place: string | Place, options?: SignalOptions): Promise<boolean>;
  blobExists(repository: string, digest: string, options?: SignalOptions): Promise<boolean>;

  /** Pushes what a path holds: a folder is an OCI layout, a file an archive. */
  push(path: string | Place, reference: string | Place, options?: PushOptions): Promise<Descriptor>;
  /** Pulls into one layout or archive, whole or not at all. */
  pull(
    references: readonly (string | Place)[],
    path: string,
    options?: PullOptions,
  ): Promise<readonly Descriptor[]>;
  copy(source: string | Place, destination: string | Place, options?: CopyPlaceOptions): Promise<Descriptor>;
  /** Copies every tag of a repository, yielding each as it is done; a name that can't be a tag is `skipped`. */
  copyRepository(
    source: string,
    destination: string,
    options?: CopyPlaceOptions,
  ): AsyncIterable<CopiedTag | SkippedName>;
  pushImage(reference: string | Place, image: Image, options?: TransferOptions): Promise<Descriptor>;
  pushIndex(reference: string | Place, index: Index, options?: TransferOptions): Promise<Descriptor>;
  /** Pushes one layer and no manifest. */
  writeLayer(options: WriteLayerOptions): Promise<WrittenLayer>;
  /** Adds tags to a manifest that is there. */
  tag(
    reference: string | Place,
    tags: string | readonly string[],
    options?: SignalOptions,
  ): Promise<Descriptor>;
  putManifest(reference: string | Place, manifest: Manifest, options?: SignalOptions): Promise<Descriptor>;
  /** A tag is removed alone, a digest with every tag on it. */
  delete(reference: string | Place, options?: SignalOptions): Promise<void>;
  /** As `delete`, in order, yielding what became of each: one that fails does not end the others. */
  deleteEach(references: readonly (string | Place)[], options?: DeleteOptions): AsyncIterable<Deletion>;
  /**
   * Deletes the tags of a repository that match, are old, or are not among the newest, and yields what became of each. An
   * image goes as a whole unless a tag or an index that stays has it: then the tag goes alone, or is kept where the registry
   * can't do that. Throws NAME_UNKNOWN where there is no such repository; one tag that fails is a `Deletion`.
   */
  prune(repository: string, options: PruneOptions): AsyncIterable<Deletion>;

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
  /**
   * Closes the client's connections; it can be called more than once. `await using` calls it at the end of its block. A
   * client that is not closed does not keep the process running.
   */
  close(): Promise<void>;
}

// Each verb loads its own file when it is first asked for: a program that asks for a digest never loads the rest.
const reading = () => import('./read.ts');
const writing = () => import('./write.ts');
const changing = () => import('./manifests.ts');

/** Parses the name of an image in a registry. */
function imageAt(place: string | Place, advice = copyTakesBoth): RegistryPlace {
  return { kind: 'registry', reference: toReference(place, 'an image in a registry', { advice }) };
}

const shape: Shape<ClientOptions> = {
  ...connection,
  jobs: count,
  nondistributable: flag,
  signal: abortSignal,
};

/** Throws INVALID_OPTION. */
export function createClient(options: ClientOptions = {}): Client {
  checkOptions('createClient', options, shape);
  const connections = createConnections(options);
  const { jobs, nondistributable, signal: whole } = options;
  const defaults = {
    ...(jobs === undefined ? {} : { jobs }),
    ...(nondistributable === undefined ? {} : { nondistributable }),
  };
  /** A call's own options, checked, over the client's; either's signal ends the call. */
  const merged = <T extends SignalOptions>(
    verb: Verb,
    values: Readonly<Record<string, unknown>>,
    own: T,
  ): typeof defaults & T & SignalOptions => {
    checkArguments(verb, values);
    checkVerbOptions(verb, own);
    return {
      ...defaults,
      ...own,
      ...(whole === undefined
        ? {}
        : { signal: own.signal === undefined ? whole : AbortSignal.any([whole, own.signal]) }),
    };
  };

  return {
    inspect: async (place, own = {}) =>
      (await reading()).inspect(connections, place, merged('inspect', { place }, own)),
    getImage: async (reference, own = {}) =>
      (await reading()).getImage(connections, reference, merged('getImage', { reference }, own)),
    getIndex: async (reference, own = {}) =>
      (await reading()).getIndex(connections, reference, merged('getIndex', { reference }, own)),
    getDescriptor: async (place, own = {}) =>
      (await reading()).getDescriptor(connections, place, merged('getDescriptor', { place }, own)),
    getManifest: async (place, own = {}) =>
      (await reading()).getManifest(connections, place, merged('getManifest', { place }, own)),
    getRawManifest: async (place, own = {}) =>
      (await reading()).getRawManifest(connections, place, merged('getRawManifest', { place }, own)),
    getConfig: async (place, own = {}) =>
      (await reading()).getConfig(connections, place, merged('getConfig', { place }, own)),
    openBlob(reference) {
      checkArguments('openBlob', { reference });
      return openBlob(connections, reference);
    },
    exists: async (place, own = {}) =>
      (await reading()).exists(connections, place, merged('exists', { place }, own)),
    blobExists: async (repository, digest, own = {}) =>
      (await reading()).blobExists(
        connections,
        repository,
        digest,
        merged('blobExists', { repository, digest }, own),
      ),
    push: async (path, reference, own = {}) => {
      const options = merged('push', { path, reference }, own);
      const target = imageAt(reference);
      const origin = toDiskSource(path);
      // With `admit`, nothing touches the destination before that has decided.
      if (options.admit === undefined) await warmUpPush(connections, origin, target);
      return (await import('./push.ts')).pushPath(connections, origin, target.reference, options);
    },
    pull: async (references, path, own = {}) => {
      const options = merged('pull', { references, path }, own);
      const sources = references.map((reference) => imageAt(reference));
      await warmUp(connections, 'pull', ...sources);
      const { pullTo } = await import('./pull.ts');
      return pullTo(
        connections,
        sources.map((source) => source.reference),
        path,
        options,
      );
    },
    copy: async (source, destination, own = {}) => {
      const options = merged('copy', { source, destination }, own);
      const [from, to] = [toPlace(source), toPlace(destination)];
      await warmUp(connections, 'copyFrom', from);
      if (options.admit === undefined) await warmUp(connections, 'copyTo', to);
      return (await import('./copy.ts')).copyBetween(connections, from, to, options);
    },
    copyRepository: async function* (source, destination, own = {}) {
      const { copyTags } = await import('./copy-repository.ts');
      yield* copyTags(
        connections,
        source,
        destination,
        merged('copyRepository', { source, destination }, own),
      );
    },
    pushImage: async (reference, image, own = {}) =>
      (await writing()).pushView(
        connections,
        reference,
        image,
        merged('pushImage', { reference, image }, own),
      ),
    pushIndex: async (reference, index, own = {}) =>
      (await writing()).pushView(
        connections,
        reference,
        index,
        merged('pushIndex', { reference, index }, own),
      ),
    writeLayer: async (own) => (await writing()).writeLayer(connections, merged('writeLayer', {}, own)),
    tag: async (reference, tags, own = {}) => {
      const options = merged('tag', { reference, tags }, own);
      const place = imageAt(reference, '');
      await warmUp(connections, 'tag', place);
      return (await changing()).tag(connections, place.reference, [tags].flat(), options);
    },
    putManifest: async (reference, manifest, own = {}) =>
      (await changing()).putManifest(
        connections,
        reference,
        manifest,
        merged('putManifest', { reference, manifest }, own),
      ),
    delete: async (reference, own = {}) =>
      (await import('./delete.ts')).deleteManifest(
        connections,
        reference,
        merged('delete', { reference }, own),
      ),
    deleteEach: async function* (references, own = {}) {
      const options = merged('deleteEach', { references }, own);
      yield* (await import('./delete.ts')).deleteEach(connections, references, options);
    },
    prune: async function* (repository, own) {
      const options = merged('prune', { repository }, own);
      yield* (await import('./prune.ts')).prune(connections, repository, options);
    },
    referrers: async function* (place, own = {}) {
      const { listReferrers } = await import('./referrers.ts');
      yield* listReferrers(connections, place, merged('referrers', { place }, own));
    },
    referrerTree: async (place, own = {}) =>
      (await import('./referrers.ts')).referrerTree(
        connections,
        place,
        merged('referrerTree', { place }, own),
      ),
    tags: async function* (repository, own = {}) {
      const options = merged('tags', { repository }, own);
      yield* openRepository(connections, repository).tags.list(options);
    },
    catalog: async function* (registry, own = {}) {
      const options = merged('catalog', { registry }, own);
      yield* connections.registry(parseRegistry(registry)).repositories(options);
    },
    validate: async function* (subject, own = {}) {
      const { validateSubject } = await import('./validate.ts');
      yield* validateSubject(connections, subject, merged('validate', { subject }, own));
    },
    token: async (repository, own = {}) =>
      (await import('./token.ts')).fetchToken(connections, repository, merged('token', { repository }, own)),
    checkLogin: async (registry, credential, own = {}) =>
      (await import('./login.ts')).checkLogin(
        connections,
        registry,
        credential,
        merged('checkLogin', { registry, credential }, own),
      ),
    close: async () => connections[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  };
}
