import { createMutex } from '../flow/mutex.ts';
import type { Digest } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import { Lru } from '../store/lru.ts';
import type { Clock } from '../time/clock.ts';
import { createRecentWrites, type RecentWrites } from './upload/recent-writes.ts';

/**
 * The capabilities that a registry has shown, for the life of the process, so that gantry asks no question twice. Each part
 * owns its facts: other files report an answer with a verb, and ask for the conclusion.
 */
export interface Capabilities {
  readonly scopes: ScopeCapability;
  readonly tagParameters: TagParameters;
  readonly referrers: ReferrersCapability;
  readonly mounts: MountCapability;
  readonly selfMounts: SelfMountCapability;
  readonly holders: Holders;
  readonly recentWrites: RecentWrites;
}

/** Whether the token service gives tokens for several repositories. */
export interface ScopeCapability {
  /** Returns the scopes to ask for: all, or only the first one. */
  usable(scopes: readonly string[]): readonly string[];
  /** Notes that the token service refused all scopes, and then granted the first one alone. */
  sawOwnOnly(): void;
}

/** Whether one PUT of a manifest sets several tags. */
export interface TagParameters {
  mayWork(): boolean;
  /** Notes the tags that the answer to such a PUT confirms. */
  sawConfirmed(tags: readonly string[]): void;
}

/** Whether the registry lists referrers, so that no client has to maintain the fallback tag. */
export interface ReferrersCapability {
  /** Returns undefined until an answer has shown it. */
  isListed(): boolean | undefined;
  /** Notes that an answer was, or was not, of a registry with the referrers API. One list outweighs any refusal. */
  saw(isListed: boolean): void;
  /** Runs `ask`, one caller at a time, unless an answer has shown it meanwhile. */
  findOut(ask: () => Promise<boolean>, options?: SignalOptions): Promise<boolean>;
}

/** The result of a request for a mount without a source. */
export type AnonymousMount = 'mounted' | 'declined' | 'refused';

/** Whether the registry understands a mount without a source, and mounts so. */
export interface MountCapability {
  /** Returns undefined until an answer has shown it. */
  isUnderstood(): boolean | undefined;
  /** Returns whether a mount without a source has succeeded: the next blob, too, may cost no bytes. */
  hasSucceeded(): boolean;
  saw(outcome: AnonymousMount): void;
}

/**
 * Whether a mount of a blob from the repository that it is for reports that the blob exists, and starts its upload
 * otherwise. One such request replaces two.
 */
export interface SelfMountCapability {
  /** Notes a blob that was sent to the registry. */
  sent(repository: string, digest: Digest): void;
  /**
   * Returns a blob of the repository for the probe, once, after enough blobs for it to pay. Until `confirm` is called,
   * the registry counts as one without the capability.
   */
  probe(repository: string): Digest | undefined;
  /** Notes that the probe has succeeded. */
  confirm(): void;
  isConfirmed(): boolean;
}

/** The repositories in which gantry has just seen a blob. */
export interface Holders {
  note(digest: Digest, repository: string): void;
  /** Returns few repositories, the newest first: each costs a request if it is wrong. */
  of(digest: Digest): readonly string[];
}

export function createCapabilities(clock?: Clock): Capabilities {
  return {
    scopes: createScopeCapability(),
    tagParameters: createTagParameters(),
    referrers: createReferrersCapability(clock),
    mounts: createMountCapability(),
    selfMounts: createSelfMountCapability(),
    holders: createHolders(),
    recentWrites: createRecentWrites(clock),
  };
}

function createScopeCapability(): ScopeCapability {
  let isOwnOnly = false;
  return {
    usable: (scopes) => (isOwnOnly ? scopes.slice(0, 1) : scopes),
    sawOwnOnly() {
      isOwnOnly = true;
    },
  };
}

function createTagParameters(): TagParameters {
  let works = true;
  return {
    mayWork: () => works,
    sawConfirmed(tags) {
      works = tags.length > 0;
    },
  };
}

function createReferrersCapability(clock: Clock | undefined): ReferrersCapability {
  let known: boolean | undefined;
  const mutex = createMutex({ clock });
  return {
    isListed: () => known,
    saw(isListed) {
      if (isListed) known = true;
      else known ??= false;
    },
    async findOut(ask, options) {
      return known ?? (await mutex(async () => known ?? (await ask()), options));
    },
  };
}

function createMountCapability(): MountCapability {
  let isUnderstood: boolean | undefined;
  let hasSucceeded = false;
  return {
    isUnderstood: () => isUnderstood,
    hasSucceeded: () => hasSucceeded,
    saw(outcome) {
      isUnderstood = outcome !== 'refused';
      hasSucceeded ||= outcome === 'mounted';
    },
  };
}

/** Sent blobs from which on the probe pays: it takes three requests, and saves one for each further blob. */
const worthProbing = 16;

function createSelfMountCapability(): SelfMountCapability {
  let count = 0;
  let last: { readonly repository: string; readonly digest: Digest } | undefined;
  let isProbed = false;
  let isConfirmed = false;
  return {
    sent(repository, digest) {
      count++;
      last = { repository, digest };
    },
    probe(repository) {
      if (isProbed || count < worthProbing || last?.repository !== repository) return undefined;
      isProbed = true;
      return last.digest;
    },
    confirm() {
      isConfirmed = true;
    },
    isConfirmed: () => isConfirmed,
  };
}

/** Enough for the largest repository copied tag by tag. */
const maxDigests = 20_000;
const maxHolders = 2;

function createHolders(): Holders {
  const holders = new Lru<readonly string[]>(maxDigests);
  return {
    note(digest, repository) {
      const known = holders.get(digest) ?? [];
      holders.set(digest, [repository, ...known.filter((name) => name !== repository)].slice(0, maxHolders));
    },
    of: (digest) => holders.get(digest) ?? [],
  };
}
