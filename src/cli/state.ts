import { homedir } from 'node:os';
import { join } from 'node:path';
import { createRootNotes } from '../client/root-notes.ts';
import type { RootNotes } from '../store/known-roots.ts';

/** Opens the notes on images in registries that commands leave for later ones. */
export function openRootNotes(): RootNotes {
  return createRootNotes(join(stateHome(process.env), 'roots'));
}

/**
 * Returns the folder for everything that gantry remembers between commands, and that can be deleted at any time:
 * `$XDG_STATE_HOME/gantry`, or on Windows `%LOCALAPPDATA%\\gantry`.
 */
export function stateHome(env: NodeJS.ProcessEnv): string {
  const local = process.platform === 'win32' ? env['LOCALAPPDATA'] : undefined;
  const home = env['HOME'] || env['USERPROFILE'] || homedir();
  return join(env['XDG_STATE_HOME'] || local || join(home, '.local', 'state'), 'gantry');
}
