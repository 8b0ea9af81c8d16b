import { isGantryError } from '../errors.ts';
import type { Digest } from '../spec/digest.ts';
import type { KnownRoots, RootNote, RootNotes } from '../store/known-roots.ts';
import { Lru } from '../store/lru.ts';

/** The roots that gantry has seen in the repositories of one registry. */
export interface RootMemory {
  /** Returns the known roots of a repository. The first call reads the note of earlier processes. */
  of(repository: string): Promise<KnownRoots>;
  /** Notes that the registry has the manifest, under these tags. */
  saw(repository: string, digest: Digest, tags?: readonly string[]): void;
  /** Notes that a tag, or a digest with all of its tags, is gone. */
  lost(repository: string, reference: string): void;
  /** Writes the changed notes for later processes. Never fails. */
  keep(): Promise<void>;
}

export interface RootMemoryOptions {
  /** The base URL of the registry. */
  readonly place: string;
  /** @defaultValue none, so that the memory ends with the process */
  readonly notes?: RootNotes | undefined;
}

/** Enough for the repositories of one synchronisation. */
const maxRepositories = 200;
/** Tags and digests. An index with its children takes about ten of them. */
const maxReferences = 1000;

interface Roots {
  readonly digests: Lru<Digest>;
  /** The references that were lost before the note of earlier processes was read. */
  readonly lost: Set<string>;
  /** Settles when the note of earlier processes is read. */
  loading?: Promise<void>;
  isChanged: boolean;
}

export function createRootMemory({ place, notes }: RootMemoryOptions): RootMemory {
  const repositories = new Lru<Roots>(maxRepositories);
  const rootsOf = (repository: string): Roots => {
    const fresh: Roots = { digests: new Lru(maxReferences), lost: new Set(), isChanged: false };
    const roots = repositories.get(repository) ?? fresh;
    repositories.set(repository, roots);
    return roots;
  };
  const load = async (repository: string, roots: Roots): Promise<void> =>
    addNoted(roots, (await unlessFailed(notes?.find(place, repository))) ?? []);
  const loaded = (repository: string, roots: Roots): Promise<void> => {
    roots.loading ??= load(repository, roots);
    return roots.loading;
  };

  return {
    async of(repository) {
      const roots = rootsOf(repository);
      await loaded(repository, roots);
      const { digests } = roots;
      return {
        get: (reference) => digests.get(reference),
        get isEmpty() {
          return digests.size === 0;
        },
      };
    },
    saw(repository, digest, tags = []) {
      const roots = rootsOf(repository);
      for (const reference of [digest, ...tags]) {
        roots.isChanged ||= roots.digests.get(reference) !== digest;
        roots.digests.set(reference, digest);
        roots.lost.delete(reference);
      }
    },
    lost(repository, reference) {
      const roots = rootsOf(repository);
      if (notes !== undefined && roots.loading === undefined) roots.lost.add(reference);
      for (const [known, digest] of entriesOf(roots.digests)) {
        if (known !== reference && digest !== reference) continue;
        roots.digests.delete(known);
        roots.isChanged = true;
      }
    },
    async keep() {
      if (notes === undefined) return;
      // A list, since each look at a repository moves it to the end of the keys.
      const names = [...repositories.keys()];
      for (const repository of names) {
        const roots = rootsOf(repository);
        // Without a copy or a deletion, the next copy gains too little.
        if (roots.loading === undefined && roots.lost.size === 0) continue;
        await loaded(repository, roots);
        if (!roots.isChanged) continue;
        roots.isChanged = false;
        await unlessFailed(notes.note(place, repository, entriesOf(roots.digests)));
      }
    },
  };
}

/** Adds the note of earlier processes. This process knows more than an earlier one. */
function addNoted(roots: Roots, noted: RootNote): void {
  const { digests, lost } = roots;
  for (const [reference, digest] of noted) {
    if (lost.has(reference) || lost.has(digest)) roots.isChanged = true;
    else if (!digests.has(reference)) digests.set(reference, digest);
  }
  lost.clear();
}

/** Returns the references with their digests, from the least to the most recently used one. */
function entriesOf(digests: Lru<Digest>): RootNote {
  return [...digests.keys()].flatMap((reference) => {
    const digest = digests.get(reference);
    return digest === undefined ? [] : [[reference, digest] as const];
  });
}

async function unlessFailed<T>(work: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}
