import type { Digest } from '../spec/digest.ts';

/**
 * The manifests that gantry has lately seen in one repository: by tag or digest, the digest. Only hints, which decide the
 * order of the questions of a copy.
 */
export interface KnownRoots {
  /** Returns the last known digest of the manifest with this tag or digest. */
  get(reference: string): Digest | undefined;
  /** Whether gantry has seen none. */
  readonly isEmpty: boolean;
}

/** The known roots of one repository, as a file can keep them: from the least to the most recently seen one. */
export type RootNote = readonly (readonly [reference: string, digest: Digest])[];

/**
 * Notes on known roots that outlive the process. They are hints: a wrong note costs a copy one request. Errors fail no copy.
 */
export interface RootNotes {
  /** Returns the noted roots of the repository. `place` is the base URL of its registry. */
  find(place: string, repository: string): Promise<RootNote>;
  /** Notes the roots of the repository, in place of the earlier note. */
  note(place: string, repository: string, roots: RootNote): Promise<void>;
}
