import { parseSource, type Source } from './sources.ts';

/** The lines of comment in a room, and those among them that hold one of the words. */
export interface CommentShare {
  readonly room: string;
  readonly lines: number;
  readonly found: readonly string[];
}

/** The largest share of comment lines that may hold one of the words. */
export const commentLimit = 0.02;

/** Sentences that are built on these words have to be read twice, as a measure of eight other code bases shows. */
const words = /\b(?:who|whom|whose|what|whoever|whatever)\b/i;

/** The parts of a room that are measured together: a folder of `src/` with its tests, or another folder of the project. */
function roomOf(path: string): string {
  const [folder = '', room = ''] = path.split('/');
  return folder === 'src' ? `src/${room.replace(/\.ts$/, '')}` : folder;
}

/** Measures each room, sorted by name. Lines without a letter, such as the first and the last of a block, don't count. */
export function commentShares(sources: readonly Source[]): CommentShare[] {
  const rooms = new Map<string, { lines: number; found: string[] }>();
  for (const source of sources) {
    const room = roomOf(source.path);
    const counted = rooms.get(room) ?? { lines: 0, found: [] };
    rooms.set(room, counted);
    for (const { line, text } of commentLines(source)) {
      counted.lines++;
      if (words.test(text)) counted.found.push(`${source.path}:${line}: ${text}`);
    }
  }
  return [...rooms]
    .map(([room, counted]) => ({ room, ...counted }))
    .sort((a, b) => a.room.localeCompare(b.room));
}

/** A number from 0 to 1. */
export function shareOf({ lines, found }: Pick<CommentShare, 'lines' | 'found'>): number {
  return lines === 0 ? 0 : found.length / lines;
}

interface CommentLine {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

function commentLines(source: Source): CommentLine[] {
  return parseSource(source).comments.flatMap(({ value, start }) => {
    const first = source.text.slice(0, start).split('\n').length;
    return value
      .split('\n')
      .map((text, at) => ({ line: first + at, text: text.replace(/^[\s*]+/, '').trim() }))
      .filter(({ text }) => /\p{L}/u.test(text));
  });
}
