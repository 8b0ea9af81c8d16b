import { InputError } from '../errors.ts';
import type { Bandwidth } from '../http/bandwidth.ts';
import { callback, checkOptions, given, object, optionsOf, type Shape, text } from '../spec/options.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { Intent, Registry, Repository } from '../store/contract.ts';
import type { Clock } from '../time/clock.ts';
import type { Send } from '../wire/message.ts';
import { catalogScope } from '../wire/scope.ts';
import { remoteBlobs } from './blobs.ts';
import { createCapabilities } from './capabilities.ts';
import { type DownloadOptions, type Exchange, intentScopes } from './exchange.ts';
import { createRootMemory, type RootMemory } from './known-roots.ts';
import { remoteCatalog, remoteTags } from './listings.ts';
import { remoteManifests } from './manifests.ts';
import { downloadShape, uploadShape } from './options.ts';
import { remoteReferrers } from './referrers.ts';
import { processResources, type Resources } from './resources.ts';
import type { UploadOptions } from './upload/plan.ts';

/** Settings of `createRemoteRegistry` with a `send` of the caller. */
export interface RemoteOptions {
  /** The registry's root, without a slash at its end: `https://ghcr.io`. */
  readonly base: string;
  /**
   * The name of the registry in messages.
   * @defaultValue `base` without the scheme
   */
  readonly registry?: string | undefined;
  /** Sends a request to the registry, which may be an embedded one. */
  readonly send: Send;
  /** Advice for the user, in the message of a 401. */
  readonly loginAdvice?: string | undefined;
  /** Options of uploads, unless a repository is opened with its own. */
  readonly upload?: UploadOptions | undefined;
  /** The way to read blobs: retries. */
  readonly download?: DownloadOptions | undefined;
  /** Called with a text about a deviation that is no failure. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** The clock for waits outside of retries. */
  readonly clock?: Clock | undefined;
  /** Called with the number of requests that are about to come at once. */
  readonly preconnect?: ((requests: number) => void) | undefined;
}

/** A registry over HTTP, as a place. The object remembers the capabilities that the registry has shown. */
export interface RemoteRegistry extends Registry {
  /** Options of uploads, unless a repository is opened with its own. */
  readonly upload: UploadOptions;
  /**
   * Opens a repository. `upload` precedes the upload options of the registry.
   * @throws NAME_INVALID for a malformed name
   */
  repository(name: string, intent?: Intent, upload?: UploadOptions): Repository;
}

const shape: Shape<RemoteOptions> = {
  base: text,
  registry: text,
  send: callback,
  loginAdvice: text,
  upload: optionsOf(uploadShape),
  download: optionsOf(downloadShape),
  onWarning: callback,
  clock: object,
  preconnect: callback,
};

/**
 * Opens the registry that `send` reaches.
 * @throws INVALID_OPTION
 */
export function createRemoteRegistry(options: RemoteOptions): RemoteRegistry {
  checkOptions('createRemoteRegistry', options, shape, ['base', 'send']);
  return openRegistry(options, processResources);
}

/** Parts of a registry that its client knows, too. */
export interface SharedParts {
  /** @defaultValue a memory of its own */
  readonly roots?: RootMemory | undefined;
  /** The limit of bytes per second that `send` keeps. */
  readonly bandwidth?: Bandwidth | undefined;
}

/** Opens the registry with the limits that it shares with others. */
export function openRegistry(
  all: RemoteOptions,
  resources: Resources,
  { roots = createRootMemory({ place: all.base }), bandwidth }: SharedParts = {},
): RemoteRegistry {
  const { base, send, ...options } = all;
  const registry = options.registry ?? base.replace(/^https?:\/\//, '');
  const { download = {}, upload: common = {}, preconnect, loginAdvice, clock, onWarning: warn } = options;
  const capabilities = createCapabilities(clock);
  const fallbackLists = new Map();
  const facts = { base, registry, send, download, clock, warn, loginAdvice };
  const exchange = { ...facts, resources, bandwidth, capabilities, roots, fallbackLists };
  return {
    upload: common,
    repository(name, intent = { actions: ['pull'] }, upload = {}) {
      if (!isRepositoryName(name)) {
        throw new InputError('NAME_INVALID', `"${name.slice(0, 300)}" is not a repository name`);
      }
      const scopes = intentScopes(name, intent);
      const own = {
        ...exchange,
        get scopes(): readonly string[] {
          return exchange.capabilities.scopes.usable(scopes);
        },
      };
      const opened = openRepository(own, name, { ...common, ...given(upload) });
      return preconnect === undefined ? opened : { ...opened, preconnect };
    },
    repositories: (options) => remoteCatalog({ ...exchange, scopes: [catalogScope] }, options),
  };
}

function openRepository(exchange: Exchange, name: string, upload: UploadOptions): Repository {
  const manifests = remoteManifests(exchange, name);
  return {
    name,
    blobs: remoteBlobs(exchange, name, upload),
    manifests,
    tags: remoteTags(exchange, name),
    referrers: (subject, options) => remoteReferrers(exchange, name, manifests, subject, options),
    async commit({ signal } = {}) {
      signal?.throwIfAborted();
    },
    async [Symbol.asyncDispose]() {},
  };
}
