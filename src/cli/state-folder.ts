import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** The value of GANTRY_STATE_DIR that turns off every note for a later process. */
const none = 'none';

/**
 * Returns the folder for everything that gantry remembers between commands, and that can be deleted at any time; undefined if it
 * must remember nothing. GANTRY_STATE_DIR names it. By default it is the folder of the system: `$XDG_STATE_HOME/gantry` or `~/.local/state/gantry`, on macOS
 * `~/Library/Application Support/gantry`, on Windows `%LOCALAPPDATA%\\gantry`.
 */
export function userStateFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const named = env['GANTRY_STATE_DIR'];
  if (named) return named === none ? undefined : named;
  const home = env['HOME'] || env['USERPROFILE'] || homedir();
  const state = env['XDG_STATE_HOME'];
  // The specification of these variables says to ignore relative paths.
  if (state && isAbsolute(state)) return join(state, 'gantry');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'gantry');
  if (platform === 'win32') return join(env['LOCALAPPDATA'] || join(home, 'AppData', 'Local'), 'gantry');
  return join(home, '.local', 'state', 'gantry');
}

/** Returns the folder with the notes of uploads, if there is a state folder. */
export function uploadsFolder(env?: NodeJS.ProcessEnv): string | undefined {
  const folder = userStateFolder(env);
  return folder === undefined ? undefined : join(folder, 'uploads');
}

/** Returns the folder with manifests and configs that builds have read, if there is a state folder. */
export function documentsFolder(env?: NodeJS.ProcessEnv): string | undefined {
  const folder = userStateFolder(env);
  return folder === undefined ? undefined : join(folder, 'documents');
}
