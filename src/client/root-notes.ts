import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lookAt, makeFolder, onDisk, removeFile, replaceFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import { digestOf } from '../flow/hash.ts';
import { parseJson } from '../json/parse.ts';
import { type Digest, digestEncoded, isDigest } from '../spec/digest.ts';
import { checkArgument, text } from '../spec/options.ts';
import { isTag } from '../spec/reference.ts';
import type { RootNote, RootNotes } from '../store/known-roots.ts';

/** Tags and digests of one repository. The oldest go first. */
const maxReferences = 500;
/** Bytes. A reference and its digest have at most 450. */
const maxFile = 256 * 1024;
/** Milliseconds without a copy to the repository, after which its note goes. */
const maxAge = 30 * 24 * 60 * 60 * 1000;
const filePattern = /^[0-9a-f]{64}\.json(?:\.[0-9a-f-]{36}\.tmp)?$/;

/**
 * Makes notes on the images that copies and pushes have left in registries, in a folder with one small file for each repository.
 * Pass it as `rootNotes` to a client: a later process that copies the same image again then begins with the one question that
 * saves all others. A missing, old or wrong note never changes the result of a copy. Only the owner can read the files. Notes
 * on a repository go after 30 days without a copy to it.
 * @throws INVALID_OPTION
 */
export function createRootNotes(folder: string): RootNotes {
  checkArgument('createRootNotes', 'folder', folder, text);
  const fileOf = (place: string, repository: string): string =>
    join(folder, `${digestEncoded(digestOf(encode([place, repository])))}.json`);
  let isSwept = false;

  return {
    async find(place, repository) {
      const bytes = await readSmall(fileOf(place, repository), maxFile);
      return bytes === undefined ? [] : rootsIn(bytes);
    },

    async note(place, repository, roots) {
      await makeFolder(folder, 0o700);
      if (!isSwept) {
        isSwept = true;
        await removeOld(folder);
      }
      const document = { version: 1, roots: roots.slice(-maxReferences) };
      // A note that a crash damages counts as missing.
      const options = { mode: 0o600, durable: false };
      await replaceFile(fileOf(place, repository), encode(document), options);
    },
  };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Returns the roots in a note; none for a damaged note, or one of another version. */
function rootsIn(bytes: Uint8Array): RootNote {
  let note: unknown;
  try {
    note = parseJson(bytes, { what: 'note of roots' });
  } catch {
    return [];
  }
  if (typeof note !== 'object' || note === null) return [];
  const { version, roots }: Readonly<Record<string, unknown>> = { ...note };
  return version === 1 && Array.isArray(roots) ? roots.filter(isEntry) : [];
}

function isEntry(entry: unknown): entry is readonly [string, Digest] {
  if (!Array.isArray(entry)) return false;
  const [reference, digest]: readonly unknown[] = entry;
  if (typeof reference !== 'string' || typeof digest !== 'string' || !isDigest(digest)) return false;
  return isDigest(reference) ? reference === digest : isTag(reference);
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await onDisk(folder, () => readdir(folder))) {
    if (!filePattern.test(name)) continue;
    const path = join(folder, name);
    const stats = await lookAt(path);
    if (stats !== undefined && Date.now() - stats.mtimeMs > maxAge) await removeFile(path);
  }
}
