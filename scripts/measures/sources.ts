import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { type ParseResult, parseSync } from 'oxc-parser';

/** A TypeScript file of the project. */
export interface Source {
  /** From the root of the project, with `/` on every system. */
  readonly path: string;
  readonly text: string;
}

/** The folders of the project that hold TypeScript. */
export const folders: readonly string[] = ['src', 'test', 'bench', 'scripts', 'examples'];

/** Reads every TypeScript file below `folder`, sorted by path. */
export function readSources(root: string, folder: string): Source[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => ({
      path: file
        .slice(root.length + 1)
        .split(sep)
        .join('/'),
      text: readFileSync(file, 'utf8'),
    }));
}

/** True for tests and for their support, in `test/` and beside the sources. */
export function isTest({ path }: Source): boolean {
  return path.startsWith('test/') || path.includes('.test.');
}

/** Counts lines as `wc -l` does. */
export function linesOf({ text }: Source): number {
  return text.split('\n').length - 1;
}

/** Throws when the text is not TypeScript. */
export function parseSource({ path, text }: Source): ParseResult {
  const result = parseSync(path, text);
  const [error] = result.errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  return result;
}
