import { join } from 'node:path';
import { createRootNotes } from '../client/root-notes.ts';
import type { RootNotes } from '../store/known-roots.ts';
import { userStateFolder } from './state-folder.ts';

const nothing: RootNotes = { find: async () => [], note: async () => undefined };

/** Opens the notes on images in registries that commands leave for later ones. */
export function openRootNotes(): RootNotes {
  const folder = userStateFolder();
  return folder === undefined ? nothing : createRootNotes(join(folder, 'roots'));
}
