import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lookAt, makeFolder, onDisk, removeFile, replaceFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import { digestOf } from '../flow/hash.ts';
import { parseJson } from '../json/parse.ts';
import { digestEncoded } from '../spec/digest.ts';
import { amount, checkArgument, checkOptions, type Shape, text } from '../spec/options.ts';
import type { UploadJournal, UploadKey } from '../store/upload-journal.ts';

/** Settings of `createUploadJournal`. */
export interface UploadJournalOptions {
  /**
   * Bytes of the smallest blob with a note. A smaller one costs less to send again than to note.
   * @defaultValue 64 MiB
   */
  readonly least?: number | undefined;
}

const shape: Shape<UploadJournalOptions> = { least: amount };

const defaultLeast = 64 * 1024 * 1024;
/** Milliseconds. Registries remove an idle session after about a week at most. */
const maxAge = 7 * 24 * 60 * 60 * 1000;
/** Bytes. Locations with a signature have some KiB. */
const maxNote = 64 * 1024;
const notePattern = /^[0-9a-f]{64}\.json(?:\.[0-9a-f-]{36}\.tmp)?$/;

/**
 * Makes a journal of uploads in a folder, with one file for each upload. Pass it as `upload.journal` to a client: a process that
 * pushes or copies the same large blob again then continues at the offset of the registry. Only the owner can read the files,
 * because the address of an upload session may permit uploads. Notes older than a week go.
 * @throws INVALID_OPTION
 */
export function createUploadJournal(folder: string, options: UploadJournalOptions = {}): UploadJournal {
  checkArgument('createUploadJournal', 'folder', folder, text);
  checkOptions('createUploadJournal', options, shape);
  const { least = defaultLeast } = options;
  let isSwept = false;
  const fileOf = (key: UploadKey): string => join(folder, `${nameOf(key)}.json`);

  return {
    async find(key) {
      if (key.size < least) return undefined;
      if (!isSwept) {
        isSwept = true;
        await removeOld(folder);
      }
      const bytes = await readSmall(fileOf(key), maxNote);
      return bytes === undefined ? undefined : idIn(bytes, key);
    },

    async note(key, id) {
      if (key.size < least) return;
      await makeFolder(folder, 0o700);
      const { place, repository, digest, size } = key;
      const document = { version: 1, place, repository, digest, size, id };
      await replaceFile(fileOf(key), new TextEncoder().encode(`${JSON.stringify(document)}\n`), {
        mode: 0o600,
      });
    },

    async forget(key) {
      if (key.size >= least) await removeFile(fileOf(key));
    },
  };
}

function nameOf({ place, repository, digest }: UploadKey): string {
  return digestEncoded(digestOf(new TextEncoder().encode(JSON.stringify([place, repository, digest]))));
}

/** Returns the id in a note; undefined for a damaged note, or one of another upload. */
function idIn(bytes: Uint8Array, key: UploadKey): string | undefined {
  let note: unknown;
  try {
    note = parseJson(bytes, { what: 'note of an upload' });
  } catch {
    return undefined;
  }
  if (typeof note !== 'object' || note === null) return undefined;
  const { version, place, repository, digest, size, id }: Readonly<Record<string, unknown>> = { ...note };
  const isOurs =
    version === 1 &&
    place === key.place &&
    repository === key.repository &&
    digest === key.digest &&
    size === key.size;
  return isOurs && typeof id === 'string' ? id : undefined;
}

/** Removes the notes that no upload has touched for a week. */
async function removeOld(folder: string): Promise<void> {
  if ((await lookAt(folder)) === undefined) return;
  for (const name of await onDisk(folder, () => readdir(folder))) {
    if (!notePattern.test(name)) continue;
    const path = join(folder, name);
    const stats = await lookAt(path);
    if (stats !== undefined && Date.now() - stats.mtimeMs > maxAge) await removeFile(path);
  }
}
