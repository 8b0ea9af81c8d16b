import { bashCompletion } from './completion-bash.ts';
import { fishCompletion } from './completion-fish.ts';
import { powershellCompletion } from './completion-powershell.ts';
import type { CompletionLevel } from './completion-tree.ts';
import { zshCompletion } from './completion-zsh.ts';

const scripts: ReadonlyMap<string, (levels: readonly CompletionLevel[]) => string> = new Map([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
  ['powershell', powershellCompletion],
]);

/** Returns the completion script for a shell; undefined for an unknown shell. */
export function completionScript(shell: string, levels: readonly CompletionLevel[]): string | undefined {
  return scripts.get(shell)?.(levels);
}
