/**
 * A part of a pattern. `folders` is the start of a `**` before a slash, which may stand for nothing, and `inFolders` the rest of
 * it, which ends with a slash of the path.
 */
type GlobPart =
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'class'; readonly fits: (char: string) => boolean }
  | { readonly kind: 'name' }
  | { readonly kind: 'rest' }
  | { readonly kind: 'folders' }
  | { readonly kind: 'inFolders' };

/** A pattern for paths, as in docker's ignore files. */
export type Glob = readonly GlobPart[];

/** In characters. No system has longer paths. */
const maxLength = 4096;

/** Parses a pattern; undefined if it is none, or too long. */
export function parseGlob(pattern: string): Glob | undefined {
  if (pattern.length > maxLength) return undefined;
  const parts: GlobPart[] = [];
  for (let at = 0; at < pattern.length; ) {
    const found = partsAt(pattern, at);
    if (found === undefined) return undefined;
    parts.push(...found.parts);
    at = found.end;
  }
  return parts;
}

interface Found {
  readonly parts: readonly GlobPart[];
  readonly end: number;
}

function partsAt(pattern: string, at: number): Found | undefined {
  const char = pattern.charAt(at);
  if (pattern.startsWith('**', at)) {
    const end = pattern.charAt(at + 2) === '/' ? at + 3 : at + 2;
    const isLast = end === pattern.length;
    return { parts: isLast ? [{ kind: 'rest' }] : [{ kind: 'folders' }, { kind: 'inFolders' }], end };
  }
  if (char === '*') return { parts: [{ kind: 'name' }], end: at + 1 };
  if (char === '?') return one((other) => other !== '/', at + 1);
  if (char === '[') return classAt(pattern, at);
  if (char !== '\\') return { parts: [{ kind: 'char', char }], end: at + 1 };
  const next = pattern.charAt(at + 1);
  return next === '' ? undefined : { parts: [{ kind: 'char', char: next }], end: at + 2 };
}

function one(fits: (char: string) => boolean, end: number): Found {
  return { parts: [{ kind: 'class', fits }], end };
}

/** Parses a class such as `[a-z]` or `[^a]`. A backslash takes the next character as it is. */
function classAt(pattern: string, start: number): Found | undefined {
  const isNegative = pattern.charAt(start + 1) === '^';
  const ranges: (readonly [from: string, to: string])[] = [];
  let at = start + (isNegative ? 2 : 1);
  const take = (): string => {
    if (pattern.charAt(at) === '\\') at++;
    return pattern.charAt(at++);
  };
  while (at < pattern.length && (pattern.charAt(at) !== ']' || ranges.length === 0)) {
    const from = take();
    const isRange = pattern.charAt(at) === '-' && !['', ']'].includes(pattern.charAt(at + 1));
    if (isRange) at++;
    const to = isRange ? take() : from;
    if (from === '' || to < from) return undefined;
    ranges.push([from, to]);
  }
  if (at >= pattern.length) return undefined;
  return one((char) => ranges.some(([from, to]) => char >= from && char <= to) !== isNegative, at + 1);
}

/** Whether a pattern matches a whole path. Follows all readings of the pattern at once, so that the time is linear. */
export function matchesGlob(glob: Glob, path: string): boolean {
  let places = reached(glob, [0]);
  for (const char of path) {
    const next: number[] = [];
    for (const at of places) {
      const part = glob[at];
      if (part !== undefined) next.push(...after(part, at, char));
    }
    if (next.length === 0) return false;
    places = reached(glob, next);
  }
  return places.has(glob.length);
}

/** Adds the places that take no character to reach. */
function reached(glob: Glob, from: readonly number[]): ReadonlySet<number> {
  const places = new Set(from);
  for (const at of places) {
    const kind = glob[at]?.kind;
    if (kind === 'name' || kind === 'rest' || kind === 'folders') places.add(at + 1);
    if (kind === 'folders') places.add(at + 2);
  }
  return places;
}

/** Returns the places behind a character. */
function after(part: GlobPart, at: number, char: string): readonly number[] {
  switch (part.kind) {
    case 'char':
      return part.char === char ? [at + 1] : [];
    case 'class':
      return part.fits(char) ? [at + 1] : [];
    case 'name':
      return char === '/' ? [] : [at];
    case 'rest':
      return [at];
    case 'folders':
      return [];
    case 'inFolders':
      return char === '/' ? [at, at + 1] : [at];
    default:
      return part satisfies never;
  }
}
