import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { absentAs, onDisk, unlessUnreadable } from '../files/files.ts';
import { type Digest, digestAlgorithm, digestEncoded } from '../spec/digest.ts';
import { fileOf } from './file-names.ts';
import type { RepositoryFolder } from './folder.ts';
import { type Trashed, trashFolder } from './trash.ts';

/** Fewer digests than this are cheaper to look at one by one than to find in a listing. */
const many = 64;

/** The number of entries of a folder that cost less to list than one file costs to look at. */
const entriesForALook = 8;

/** A repository keeps its blobs in one folder for each algorithm, and a store has two algorithms. */
const mostFolders = 2;

/**
 * Finds digests that the repository does not hold, with a few listings instead of three looks for each. The result
 * may lack some of them, and is empty if listings would cost more than looks: the caller looks at all others. It
 * never contains a file that a collection of garbage has put aside, since a look takes that file back.
 */
export async function absentAmong(
  folder: RepositoryFolder,
  kind: Trashed,
  digests: readonly Digest[],
): Promise<ReadonlySet<Digest>> {
  const absent = new Set(digests);
  if (absent.size < many) return new Set();
  const names = new Map([...absent].map((digest) => [fileOf(digest), digest]));
  const kept = kind === 'blobs' ? blobFolders(folder, absent) : new Map([[folder.manifestsFolder, names]]);
  if (kept.size > mostFolders) return new Set();
  const aside = [trashFolder(folder.state, kind), names] as const;
  // Lists the first folder twice, because a collection may put a file back between the two listings.
  for (const [path, wanted] of [...kept, aside, ...kept]) {
    if (!(await dropListed(path, wanted, absent))) return new Set();
  }
  return absent;
}

type Names = ReadonlyMap<string, Digest>;

/** Returns the file names of the blobs, by their folder. */
function blobFolders({ layout }: RepositoryFolder, blobs: Iterable<Digest>): ReadonlyMap<string, Names> {
  const byAlgorithm = new Map<string, Map<string, Digest>>();
  for (const digest of blobs) {
    const algorithm = digestAlgorithm(digest);
    const names = byAlgorithm.get(algorithm) ?? new Map<string, Digest>();
    byAlgorithm.set(algorithm, names.set(digestEncoded(digest), digest));
  }
  return new Map([...byAlgorithm].map(([algorithm, names]) => [join(layout, 'blobs', algorithm), names]));
}

/** Returns false for an unreadable folder, and for one with so many entries that a look at each file costs less. */
async function dropListed(path: string, names: Names, absent: Set<Digest>): Promise<boolean> {
  let rest = Math.max(names.size, many) * entriesForALook;
  const task = async (): Promise<boolean> => {
    const entries = await absentAs(undefined, opendir(path, { bufferSize: 1024 }));
    // A return from the loop closes the folder.
    for await (const { name } of entries ?? []) {
      if (--rest < 0) return false;
      const digest = names.get(name);
      if (digest !== undefined) absent.delete(digest);
    }
    return true;
  };
  return (await onDisk(path, task).catch(unlessUnreadable)) === true;
}
