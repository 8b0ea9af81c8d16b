import { posix } from 'node:path';
import { InputError, NotFoundError } from '../../errors.ts';
import { joinedPath, shownPath, statsOf } from '../disk.ts';
import type { PackageJson } from './package-json.ts';

/** The command of a Node application, with the member of package.json that names it. */
export interface NodeEntry {
  /** The words behind `node`: its options, the file, and the arguments. */
  readonly words: readonly string[];
  /** The path of the file below the folder of the application. */
  readonly file: string;
  /** The member of package.json, or the name of the file that Node takes without one. */
  readonly from: string;
}

/** Options of Node with their value in the next word. */
const withValue: ReadonlySet<string> = new Set([
  '-r',
  '-C',
  '--require',
  '--import',
  '--loader',
  '--experimental-loader',
  '--conditions',
  '--env-file',
  '--title',
]);

/**
 * Finds the file that starts a Node application: the start script if it is a plain call of node, else `main`, the only `bin`,
 * server.js or index.js.
 * @throws INVALID_OPTION when nothing names a file
 * @throws FILE_UNKNOWN when the named file does not exist
 */
export function nodeEntry(root: string, folder: string, manifest: PackageJson): NodeEntry {
  const { start, main, bin } = manifest;
  const words = start === undefined ? undefined : wordsOfStart(start);
  const [command, ...others] = bin;
  const found = (words: readonly string[], from: string): NodeEntry =>
    entryOf({ root, folder, main, from }, words);
  if (words !== undefined) return found(words, 'scripts.start');
  if (main !== undefined) return found([main], 'main');
  if (command !== undefined && others.length === 0) return found([command], 'bin');
  for (const file of ['server.js', 'index.js', 'index.mjs', 'index.cjs']) {
    if (isFile(root, joinedPath(folder, file))) return { words: [file], file, from: file };
  }
  const script = start === undefined ? '' : `, and its start script is no plain call of node`;
  throw new InputError(
    'INVALID_OPTION',
    `${shownPath(root, joinedPath(folder, 'package.json'))} names no file to start${script}: add "main", or say --entrypoint '["node","FILE"]'`,
  );
}

/** Returns the words behind `node` in a start script; undefined for one that needs a shell, or another program. */
function wordsOfStart(script: string): readonly string[] | undefined {
  const [program, ...words] = script.trim().split(/\s+/);
  if (program !== 'node' || /[^\w\s./:=@%+,~-]/.test(script)) return undefined;
  return fileIn(words) === undefined ? undefined : words;
}

/** Returns the first word that is neither an option of Node nor the value of one. */
function fileIn(words: readonly string[]): string | undefined {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!word.startsWith('-')) return word;
    if (withValue.has(word)) at++;
  }
  return undefined;
}

interface Named {
  readonly root: string;
  readonly folder: string;
  readonly main: string | undefined;
  readonly from: string;
}

function entryOf({ root, folder, main = 'index.js', from }: Named, words: readonly string[]): NodeEntry {
  const named = posix.normalize(fileIn(words) ?? '').replace(/\/$/, '');
  // `node .` runs the main file.
  const path = named === '.' ? posix.normalize(main) : named;
  const candidates = [path, `${path}.js`, `${path}.mjs`, `${path}.cjs`, joinedPath(path, 'index.js')];
  const isInside = !path.startsWith('..') && !path.startsWith('/');
  const file = isInside && candidates.find((one) => isFile(root, joinedPath(folder, one)));
  if (file) return { words, file, from };
  throw new NotFoundError(
    'FILE_UNKNOWN',
    `${shownPath(root, joinedPath(folder, path))} does not exist, and ${from} of package.json names it: build the application first, or say --entrypoint`,
  );
}

/** Whether a file is there, also behind a symbolic link. */
function isFile(root: string, path: string): boolean {
  const stats = statsOf(root, path);
  return stats?.isFile() === true || stats?.isSymbolicLink() === true;
}
