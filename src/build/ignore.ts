import { InputError } from '../errors.ts';
import { matchesGlob, parseGlob } from './glob.ts';

/** A rule of an ignore file. */
interface IgnoreRule {
  /** Whether the rule takes matching files back in. */
  readonly isException: boolean;
  readonly matches: (path: string) => boolean;
}

/** The rules of an ignore file, in their order. */
export type IgnoreRules = readonly IgnoreRule[];

/**
 * Parses the text of a .dockerignore: one pattern in each line, `#` for comments, `!` for exceptions.
 * @throws INVALID_OPTION for a pattern that is no pattern, naming its line
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
export function parseIgnore(text: string, what: string): IgnoreRules {
  const rules: IgnoreRule[] = [];
  for (const [at, line] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (line.startsWith('#')) continue;
    const words = line.trim();
    const isException = words.startsWith('!');
    const pattern = cleaned(isException ? words.slice(1).trim() : words);
    if (pattern === '.' && words !== '!') continue;
    const matches = words === '!' ? undefined : pathMatcher(pattern);
    if (matches === undefined) {
      const shown = words.length > 100 ? `${words.slice(0, 100)}…` : words;
      throw new InputError('INVALID_OPTION', `${what}, line ${at + 1}: "${shown}" is not a pattern`);
    }
    rules.push({ isException, matches });
  }
  return rules;
}

/** Whether the rules leave out a path. The last rule that matches the path, or a folder that it is in, decides. */
export function isIgnored(rules: IgnoreRules, path: string): boolean {
  let ignored = false;
  for (const { isException, matches } of rules) {
    if (isException === ignored && someOf(path, matches)) ignored = !isException;
  }
  return ignored;
}

/** Whether the rules may take back files in an ignored folder. */
export function hasExceptions(rules: IgnoreRules): boolean {
  return rules.some(({ isException }) => isException);
}

/** Whether a path or one of the folders that it is in matches. */
function someOf(path: string, matches: IgnoreRule['matches']): boolean {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) {
    if (matches(path.slice(0, end))) return true;
  }
  return matches(path);
}

/** Removes `.`, `..` and empty parts, as Go's filepath.Clean does, and the slash at the front. */
function cleaned(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue;
    const isBeyond = part === '..' && (parts.length === 0 || parts.at(-1) === '..');
    if (part !== '..') parts.push(part);
    else if (!isBeyond) parts.pop();
    else if (!pattern.startsWith('/')) parts.push(part);
  }
  return parts.join('/') || '.';
}

/**
 * Returns the test of a pattern for a whole path; undefined if it is no pattern. `*` and `?` stop at a slash. `**` with a slash
 * behind it stands for any number of folders, and at the end for everything.
 */
export function pathMatcher(pattern: string): ((path: string) => boolean) | undefined {
  if (!/[*?[\]\\]/.test(pattern)) return (path) => path === pattern;
  if (/^\*\*[^*?[\]\\]+$/.test(pattern)) {
    // Docker compares the ends of the texts, so that `**.js` also finds a.js.
    const end = pattern.slice(2);
    return (path) => path.endsWith(end) || `/${path}` === end;
  }
  const glob = parseGlob(pattern);
  return glob === undefined ? undefined : (path) => matchesGlob(glob, path);
}
