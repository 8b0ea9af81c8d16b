import type { Registry, Repository } from '../../store/contract.ts';

/** What the contract leaves to the place. Everything is expected unless it is switched off by name. */
export interface ContractFeatures {
  /** A manifest whose config or layers are missing is refused. */
  readonly checksBlobs: boolean;
  readonly deletes: boolean;
  /** Mounts from a named repository. */
  readonly mounts: boolean;
  /** Finds the blob to mount by itself. */
  readonly mountsFromAny: boolean;
  readonly sha512: boolean;
}

/** One sentence of the contract. The place is empty and open for everything. */
export interface ContractCase<Place> {
  readonly name: string;
  /** The feature that a place must have for the sentence to bind it. */
  readonly needs?: keyof ContractFeatures;
  run(place: Place): Promise<void>;
}

export type RepositoryCase = ContractCase<Repository>;
export type RegistryCase = ContractCase<Registry>;
