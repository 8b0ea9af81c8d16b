import { InputError } from '../errors.ts';
import { isRepositoryName } from '../spec/reference.ts';
import type { ListOptions, Registry, Repository } from '../store/contract.ts';
import { listed } from '../store/listing.ts';
import { openBlobs } from './blobs.ts';
import { openManifests, openReferrers, openTags } from './manifests.ts';
import { holdsSomething, type RegistryState } from './state.ts';

/**
 * Makes a registry in memory that lives as long as the object. It makes all checks of a registry and never evicts
 * content.
 */
export function createMemoryRegistry(): Registry {
  const state: RegistryState = { repositories: new Map(), uploads: new Map() };
  return {
    repository(name): Repository {
      if (!isRepositoryName(name)) {
        throw new InputError('NAME_INVALID', `"${name.slice(0, 300)}" is not a repository name`);
      }
      return openRepository(state, name);
    },
    async *repositories({ after, signal }: ListOptions = {}): AsyncIterable<string> {
      signal?.throwIfAborted();
      const held = [...state.repositories].filter(([, repository]) => holdsSomething(repository));
      const names = held.map(([name]) => name);
      yield* listed(names, after);
    },
  };
}

function openRepository(state: RegistryState, name: string): Repository {
  const blobs = openBlobs(state, name);
  return {
    name,
    blobs,
    manifests: openManifests(state, name, blobs),
    tags: openTags(state, name),
    referrers: openReferrers(state, name),
    async commit({ signal } = {}) {
      signal?.throwIfAborted();
    },
    async [Symbol.asyncDispose]() {},
  };
}
