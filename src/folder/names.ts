import { hasRawBytes } from '../tar/text.ts';

/**
 * Returns the reason why a path of an image cannot be a path on a system; undefined if it can. A system that takes other
 * bytes, another name or a stream for it would write somewhere else.
 * @see https://learn.microsoft.com/windows/win32/fileio/naming-a-file
 */
export function nameProblem(path: string, platform: NodeJS.Platform): string | undefined {
  if (platform !== 'win32' && platform !== 'darwin') return undefined;
  if (hasRawBytes(path)) return 'the name is no UTF-8, and this system takes no other';
  if (platform === 'darwin') return undefined;
  for (const part of path.split('/')) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: Windows forbids them.
    if (/[<>:"|?*\\\u0000-\u001f]/.test(part)) return 'Windows allows no such character in a name';
    if (/[. ]$/.test(part)) return 'Windows leaves out a dot or a blank at the end of a name';
    if (/^(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?:\.|$)/i.test(part))
      return 'Windows has a device of this name';
  }
  return undefined;
}

/** Returns the form of a path in which two names are one, on a file system that ignores case and composition. */
export function foldedName(path: string): string {
  return path.normalize('NFD').toLowerCase().normalize('NFC');
}
