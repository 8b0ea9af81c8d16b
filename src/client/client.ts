import { signal as abortSignal, checkOptions, count, flag, type Shape } from '../spec/options.ts';
import { parseRegistry } from '../spec/reference.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { createConnections } from './connections.ts';
import { editCalls, type MergeOptions } from './edit-calls.ts';
import { openBlob, openRepository } from './open.ts';
import { checkArguments, checkVerbOptions, connection } from './options.ts';
import {
  copyTakesBoth,
  type Place,
  type RegistryPlace,
  toLocalSource,
  toPlace,
  toReference,
} from './place.ts';
import { signCalls } from './sign-calls.ts';
import type { ChangeVerbs } from './verbs/change.ts';
import type { EditVerbs } from './verbs/edit.ts';
import type { FileVerbs } from './verbs/files.ts';
import type { ListVerbs } from './verbs/list.ts';
import type { LoginVerbs } from './verbs/login.ts';
import type { ReadVerbs } from './verbs/read.ts';
import type { SignVerbs } from './verbs/sign.ts';
import type { TransferVerbs } from './verbs/transfer.ts';
import { warmUp, warmUpPush } from './warm-up.ts';

/** Settings of `createClient`: the way to registries, and defaults for all verbs. */
export interface ClientOptions extends ConnectionOptions {
  /**
   * The number of blobs that move at once in one copy.
   * @defaultValue decided by their sizes: a few large blobs or many small ones
   */
  readonly jobs?: number | undefined;
  /**
   * Copies also layers that are not meant to be distributed.
   * @defaultValue `false`
   */
  readonly nondistributable?: boolean | undefined;
  /** Ends everything that the client does, as the signal of each call does for that call. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The verbs over registries, the docker daemon and places on disk. A reference is written as for docker (`alpine`,
 * `ghcr.io/acme/app:1`, `localhost:5000/a@sha256:...`). A place is a reference, `docker-daemon:NAME`, a path that exists, or
 * `oci:DIR`, `oci-archive:FILE`, `docker-archive:FILE`, each with `:name` to choose among several images; or the parsed form,
 * which `parsePlace` returns.
 *
 * Every verb throws a GantryError. For a wrong argument it has the code INVALID_OPTION, INVALID_REFERENCE, NAME_INVALID or
 * INVALID_DIGEST, and no request was sent; for absent content MANIFEST_UNKNOWN or NAME_UNKNOWN; for a refused login
 * UNAUTHORIZED or DENIED; for a failed connection NO_CONNECTION, TIMEOUT or CUT_OFF.
 */
export interface Client
  extends ReadVerbs,
    FileVerbs,
    TransferVerbs,
    EditVerbs,
    ChangeVerbs,
    ListVerbs,
    SignVerbs,
    LoginVerbs,
    AsyncDisposable {
  /**
   * Closes the client's connections. Requests under way end with CUT_OFF, and later ones with NO_CONNECTION before they are
   * sent. Further calls do nothing; `await using` calls it at the end of its block. A client that is not closed does not
   * keep the process running.
   */
  close(): Promise<void>;
}

// Each verb loads its own file when it is first asked for: a program that asks for a digest never loads the rest.
const reading = () => import('./read.ts');
const writing = () => import('./write.ts');
const changing = () => import('./manifests.ts');
const files = () => import('./image-files.ts');

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

/**
 * Creates a client. It connects at its first verb; one client keeps connections and tokens for all its calls.
 * @throws INVALID_OPTION when an option is unknown or of another type
 * @throws INVALID_REFERENCE when `insecure` lists a text that names no registry
 * @example
 * ```ts
 * import { createClient } from 'gantry';
 *
 * await using client = createClient({ retry: { attempts: 5 }, onWire: (event) => console.error(event.kind) });
 * console.log((await client.inspect('ghcr.io/acme/app:1')).digest);
 * ```
 */
export function createClient(options: ClientOptions = {}): Client {
  checkOptions('createClient', options, shape);
  const connections = createConnections(options);
  const { jobs, nondistributable, signal: whole } = options;
  const defaults = Object.entries({ jobs, nondistributable });
  /** A call's own options, checked, over the client's; either's signal ends the call. */
  const merged: MergeOptions = (verb, values, own) => {
    checkArguments(verb, values);
    checkVerbOptions(verb, own);
    const missing = defaults.filter(([name]) => Reflect.get(own, name) === undefined);
    const signals = [whole, own.signal].filter((one) => one !== undefined);
    const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
    return { ...own, ...Object.fromEntries(missing), signal };
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
    exportImage: async function* (place, own = {}) {
      yield* (await files()).exportImage(connections, place, merged('exportImage', { place }, own));
    },
    listFiles: async function* (place, own = {}) {
      yield* (await files()).listFiles(connections, place, merged('listFiles', { place }, own));
    },
    readFile: async function* (place, path, own = {}) {
      const options = merged('readFile', { place, path }, own);
      yield* (await files()).readFile(connections, place, path, options);
    },
    unpack: async (place, directory, own = {}) =>
      (await import('./unpack.ts')).unpackImage(
        connections,
        place,
        directory,
        merged('unpack', { place, directory }, own),
      ),
    diff: async (before, after, own = {}) =>
      (await import('./diff.ts')).diffPlaces(
        connections,
        before,
        after,
        merged('diff', { before, after }, own),
      ),
    push: async (path, reference, own = {}) => {
      const options = merged('push', { path, reference }, own);
      const target = imageAt(reference);
      const origin = toLocalSource(path);
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
    ...editCalls(connections, merged),
    ...signCalls(connections, merged),
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
      (await import('./token.ts')).getToken(connections, repository, merged('token', { repository }, own)),
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
