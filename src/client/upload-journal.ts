import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isGantryError, StorageError } from '../errors.ts';
import { lookAt, makeFolder, onDisk, removeFile, replaceFile } from '../files/files.ts';
import { takeLock } from '../files/lock.ts';
import { readSmall } from '../files/read-small.ts';
import { digestOf } from '../flow/hash.ts';
import { digestEncoded } from '../spec/digest.ts';
import { amount, checkArgument, checkOptions, type Shape, text } from '../spec/options.ts';
import type { UploadJournal, UploadKey, UploadTurn } from '../store/upload-journal.ts';
import { isNoteOf, parseNote } from './upload-note.ts';

/** Settings of `createUploadJournal`. */
export interface UploadJournalOptions {
  /**
   * Bytes of the smallest blob with a note. A smaller one costs less to send again than to note.
   * @defaultValue 64 MiB
   */
  readonly least?: number | undefined;
}

/** An upload with a note in a journal. */
export interface NotedUpload extends UploadKey {
  /** The time of the note. */
  readonly noted: Date;
}

/** A journal of uploads in a folder. */
export interface UploadJournalFolder extends UploadJournal {
  /** Waits up to 15 minutes while another process sends the blob. After that, both send it. */
  turn: NonNullable<UploadJournal['turn']>;
  /** Lists the uploads with a note, the newest first: those that run, and those that a later process can continue. */
  list(): Promise<readonly NotedUpload[]>;
}

const shape: Shape<UploadJournalOptions> = { least: amount };

const leastNoted = 64 * 1024 * 1024;
/** Milliseconds. Registries remove an idle session after about a week at most. */
const maxAge = 7 * 24 * 60 * 60 * 1000;
/** Bytes. Locations with a signature have some KiB. */
const maxNote = 64 * 1024;
const notePattern = /^[0-9a-f]{64}\.json$/;
const ownPattern = /^[0-9a-f]{64}\.(?:json(?:\.[0-9a-f-]{36}\.tmp)?|lock(?:\.takeover)?)$/;
/** Milliseconds to wait for another process that sends the same blob. After that, both send it. */
const longestWait = 15 * 60 * 1000;

/**
 * Makes a journal of uploads in a folder, with one file for each upload. Pass it as `upload.journal` to a client: a process that
 * pushes or copies the same large blob again then continues at the offset of the registry, and waits while another one sends it.
 * Only the owner can read the files, because the address of an upload session may permit uploads. Notes older than a week go. A
 * folder of another user is not used.
 * @throws INVALID_OPTION
 */
export function createUploadJournal(folder: string, options: UploadJournalOptions = {}): UploadJournalFolder {
  checkArgument('createUploadJournal', 'folder', folder, text);
  checkOptions('createUploadJournal', options, shape);
  const { least = leastNoted } = options;
  let swept: Promise<void> | undefined;
  const fileOf = (key: UploadKey, kind: 'json' | 'lock'): string => join(folder, `${nameOf(key)}.${kind}`);
  const prepare = async (): Promise<void> => {
    await makeFolder(folder, 0o700);
    await demandOwn(folder);
  };

  return {
    async find(key) {
      if (key.size < least) return undefined;
      swept ??= removeOld(folder);
      await swept;
      const note = await noteAt(fileOf(key, 'json'));
      return note !== undefined && isNoteOf(note, key) ? note.id : undefined;
    },

    async note(key, id) {
      if (key.size < least) return;
      await prepare();
      const { place, repository, digest, size } = key;
      const document = { version: 1, place, repository, digest, size, id };
      const bytes = new TextEncoder().encode(`${JSON.stringify(document)}\n`);
      // A kill loses nothing that was written, and after a power loss the upload may start anew.
      await replaceFile(fileOf(key, 'json'), bytes, { mode: 0o600, durable: false });
    },

    async forget(key) {
      if (key.size >= least) await removeFile(fileOf(key, 'json'));
    },

    async turn(key, { signal, onWait } = {}): Promise<UploadTurn> {
      if (key.size < least) return { waited: false, [Symbol.asyncDispose]: async () => undefined };
      const path = fileOf(key, 'lock');
      const { place, repository, digest } = key;
      const take = (wait: number) =>
        takeLock(path, { what: `blob ${digest} of ${place}/${repository}`, prepare, wait, signal, onWait });
      let waited = false;
      const lock = await take(0).catch((error: unknown) => {
        if (!isGantryError(error, 'IN_USE')) throw error;
        waited = true;
        return take(longestWait);
      });
      return { waited, [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose]() };
    },

    list: () => listNotes(folder),
  };
}

async function listNotes(folder: string): Promise<readonly NotedUpload[]> {
  await removeOld(folder);
  const found: NotedUpload[] = [];
  for (const name of await namesIn(folder)) {
    if (!notePattern.test(name)) continue;
    const path = join(folder, name);
    const note = await noteAt(path);
    const stats = await lookAt(path);
    if (note === undefined || stats === undefined) continue;
    const { id: _, ...key } = note;
    found.push({ ...key, noted: stats.mtime });
  }
  return found.sort((one, other) => other.noted.getTime() - one.noted.getTime());
}

function nameOf({ place, repository, digest }: UploadKey): string {
  return digestEncoded(digestOf(new TextEncoder().encode(JSON.stringify([place, repository, digest]))));
}

async function noteAt(path: string): Promise<ReturnType<typeof parseNote>> {
  const bytes = await readSmall(path, maxNote);
  return bytes === undefined ? undefined : parseNote(bytes);
}

/** Refuses the folder of another user, who could read and change the notes. */
async function demandOwn(folder: string): Promise<void> {
  if (process.getuid === undefined) return;
  const { uid } = await onDisk(folder, () => stat(folder));
  if (uid === process.getuid()) return;
  const message = `${folder} belongs to another user, so no upload is noted there: name another folder`;
  throw new StorageError('NO_PERMISSION', message, { path: folder });
}

async function namesIn(folder: string): Promise<readonly string[]> {
  if ((await lookAt(folder)) === undefined) return [];
  return onDisk(folder, () => readdir(folder));
}

/** Removes the notes, and the locks of killed processes, that no upload has touched for a week. */
async function removeOld(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    if (!ownPattern.test(name)) continue;
    const path = join(folder, name);
    const stats = await lookAt(path);
    if (stats !== undefined && Date.now() - stats.mtimeMs > maxAge) await removeFile(path);
  }
}
