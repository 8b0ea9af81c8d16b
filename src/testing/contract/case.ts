import type { Registry, Repository } from '../../store/contract.ts';

/** The optional features of a place. All are expected unless they are switched off by name. */
export interface ContractFeatures {
  /** Whether a manifest with missing config or layers is refused. */
  readonly checksBlobs: boolean;
  /** Whether the place deletes tags, manifests and blobs. */
  readonly deletes: boolean;
  /** Whether a blob can be mounted from a named repository. */
  readonly mounts: boolean;
  /** Whether the place finds a blob to mount by itself. */
  readonly mountsFromAny: boolean;
  /** Whether the place stores content by sha512 digests. */
  readonly sha512: boolean;
}

/** One requirement of the contract. The place is empty and open for all actions. */
export interface ContractCase<Place> {
  readonly name: string;
  /** The feature without which the requirement does not apply. */
  readonly needs?: keyof ContractFeatures;
  run(place: Place): Promise<void>;
}

export type RepositoryCase = ContractCase<Repository>;
export type RegistryCase = ContractCase<Registry>;
