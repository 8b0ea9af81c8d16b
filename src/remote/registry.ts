import { InputError } from '../errors.ts';
import { callback, checkOptions, object, optionsOf, type Shape, text } from '../spec/options.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { Intent, Registry, Repository } from '../store/contract.ts';
import type { Clock } from '../time/clock.ts';
import type { Send } from '../wire/message.ts';
import { catalogScope } from '../wire/scope.ts';
import { remoteBlobs } from './blobs.ts';
import { createCapabilities } from './capabilities.ts';
import { type DownloadOptions, type Exchange, intentScopes } from './exchange.ts';
import { remoteCatalog, remoteTags } from './listings.ts';
import { remoteManifests } from './manifests.ts';
import { downloadShape, uploadShape } from './options.ts';
import { remoteReferrers } from './referrers.ts';
import type { UploadOptions } from './upload/plan.ts';

export interface RemoteOptions {
  /** The registry's root, without a slash at its end: `https://ghcr.io`. */
  readonly base: string;
  /** Its name for messages. Default: `base` without the scheme. */
  readonly registry?: string;
  /** The whole line to it: whatever answers as a registry does, an embedded one included. */
  readonly send: Send;
  /** What a user can do about a 401, for its message. */
  readonly loginAdvice?: string;
  /** How blobs are sent, where a repository isn't opened with options of its own. */
  readonly upload?: UploadOptions;
  readonly download?: DownloadOptions;
  /** Told what went otherwise than it should, and is no failure. */
  readonly warn?: ((text: string) => void) | undefined;
  /** The time, as far as waiting for a commit depends on it: a test brings its own. */
  readonly clock?: Clock | undefined;
  /** Told how many requests are about to come at once. */
  readonly preconnect?: (requests: number) => void;
}

/** A registry over HTTP, as a place. What it has shown of itself is kept for as long as the object. */
export interface RemoteRegistry extends Registry {
  /** How blobs are sent, where a repository isn't opened with options of its own. */
  readonly upload: UploadOptions;
  repository(name: string, intent?: Intent, upload?: UploadOptions): Repository;
}

const shape: Shape<RemoteOptions> = {
  base: text,
  registry: text,
  send: callback,
  loginAdvice: text,
  upload: optionsOf(uploadShape),
  download: optionsOf(downloadShape),
  warn: callback,
  clock: object,
  preconnect: callback,
};

/**
 * Opens a registry that `send` leads to.
 * @throws INVALID_OPTION
 */
export function createRemoteRegistry(given: RemoteOptions): RemoteRegistry {
  checkOptions('createRemoteRegistry', given, shape, ['base', 'send']);
  const { base, send, ...options } = given;
  const registry = options.registry ?? base.replace(/^https?:\/\//, '');
  const { download = {}, upload: common = {}, preconnect, loginAdvice, clock, warn } = options;
  const advice = loginAdvice === undefined ? {} : { loginAdvice };
  const capabilities = createCapabilities(clock);
  const fallbackLists = new Map();
  const exchange = { base, registry, send, download, clock, warn, capabilities, fallbackLists, ...advice };
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
      const opened = openRepository(own, name, { ...common, ...upload });
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
