import type { UploadJournalFolder } from '../client/upload-journal.ts';
import { isGantryError } from '../errors.ts';
import type { UploadJournal, UploadKey, UploadTurn } from '../store/upload-journal.ts';
import { uploadsFolder } from './state-folder.ts';

/** Bytes of the smallest blob with a note. A command with smaller blobs does not load the code for notes. */
const least = 64 * 1024 * 1024;
const noTurn: UploadTurn = { waited: false, [Symbol.asyncDispose]: async () => undefined };

/**
 * Returns the journal in which every command notes its uploads, so that the same command can continue them after a kill;
 * undefined if the environment turns it off. The user did not ask for it, so a state folder without permission to write goes
 * unmentioned: containers often have none.
 */
export function commandJournal(env?: NodeJS.ProcessEnv): UploadJournal | undefined {
  const folder = uploadsFolder(env);
  if (folder === undefined) return undefined;
  let isOff = false;
  let loaded: Promise<UploadJournalFolder> | undefined;
  const use = async <T>(
    { size }: UploadKey,
    task: (journal: UploadJournalFolder) => Promise<T>,
  ): Promise<T | undefined> => {
    if (isOff || size < least) return undefined;
    loaded ??= import('../client/upload-journal.ts').then((code) =>
      code.createUploadJournal(folder, { least }),
    );
    try {
      return await task(await loaded);
    } catch (error) {
      if (!isGantryError(error, 'NO_PERMISSION')) throw error;
      isOff = true;
      return undefined;
    }
  };
  return {
    find: (upload) => use(upload, (journal) => journal.find(upload)),
    note: (upload, id) => use(upload, (journal) => journal.note(upload, id)),
    forget: (upload) => use(upload, (journal) => journal.forget(upload)),
    turn: async (upload, options) =>
      (await use(upload, (journal) => journal.turn(upload, options))) ?? noTurn,
  };
}
