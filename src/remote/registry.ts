import { InputError } from '../errors.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { Registry, Repository } from '../store/contract.ts';
import type { Send } from '../wire/message.ts';
import { catalogScope } from '../wire/scope.ts';
import { remoteBlobs } from './blobs.ts';
import { type Exchange, intentScopes } from './exchange.ts';
import { remoteCatalog, remoteTags } from './listings.ts';
import { remoteManifests } from './manifests.ts';
import { remoteReferrers } from './referrers.ts';

export interface RemoteOptions {
  /** The registry's root, without a slash at its end: `https://ghcr.io`. */
  readonly base: string;
  /** Its name for messages. Default: `base` without the scheme. */
  readonly registry?: string;
  /** The whole line to it: whatever answers as a registry does, an embedded one included. */
  readonly send: Send;
}

/** A registry over HTTP, as a place. */
export function createRemoteRegistry({ base, send, ...options }: RemoteOptions): Registry {
  const registry = options.registry ?? base.replace(/^https?:\/\//, '');
  const exchange = { base, registry, send };
  return {
    repository(name, intent = { actions: ['pull'] }) {
      if (!isRepositoryName(name)) {
        throw new InputError('NAME_INVALID', `"${name.slice(0, 300)}" is not a repository name`);
      }
      return openRepository({ ...exchange, scopes: intentScopes(name, intent) }, name);
    },
    repositories: (options) => remoteCatalog({ ...exchange, scopes: [catalogScope] }, options),
  };
}

function openRepository(exchange: Exchange, name: string): Repository {
  const manifests = remoteManifests(exchange, name);
  return {
    name,
    blobs: remoteBlobs(exchange, name),
    manifests,
    tags: remoteTags(exchange, name),
    referrers: (subject, options) => remoteReferrers(exchange, name, manifests, subject, options),
    async commit({ signal } = {}) {
      signal?.throwIfAborted();
    },
    async [Symbol.asyncDispose]() {},
  };
}
