import { AuthError } from '../errors.ts';
import { redactWords } from '../wire/redact.ts';

/** One authentication method that a server offers. */
export interface Challenge {
  /** The scheme in lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** The parameters by lower-case name. The first value of a repeated name counts. */
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Parses all WWW-Authenticate lines, in order. Accepts several challenges in one line, quoted strings with commas,
 * schemes without parameters, token68, and missing commas between parameters. Throws CHALLENGE_INVALID with a message
 * that shows none of the given secrets.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1
 */
export function parseChallenges(
  lines: readonly string[],
  secrets: readonly string[] = [],
): readonly Challenge[] {
  return lines.flatMap((line) => {
    const challenges = parseLine(line);
    if (challenges !== undefined) return challenges;
    const shown = JSON.stringify(redactWords(line, secrets).slice(0, 200));
    throw new AuthError('CHALLENGE_INVALID', `cannot parse the WWW-Authenticate challenge ${shown}`);
  });
}

const separators = /[\s,]*/y;
const blanks = /\s*/y;
const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const token68 = /\s+[A-Za-z0-9._~+/-]+=*\s*(?=,|$)/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
/** Accepts a bare URL, which the grammar does not allow, up to the next blank, comma or quote. */
const bare = /[^\s,"]+/y;

/** Returns undefined for a line that cannot be parsed. */
function parseLine(line: string): readonly Challenge[] | undefined {
  const cursor = createCursor(line);
  const challenges: Challenge[] = [];
  cursor.take(separators);
  while (!cursor.isAtEnd()) {
    const scheme = cursor.take(token)?.[0];
    if (scheme === undefined) return undefined;
    const parameters = cursor.take(token68) === undefined ? parseParameters(cursor) : {};
    if (parameters === undefined) return undefined;
    challenges.push({ scheme: scheme.toLowerCase(), parameters });
    cursor.take(separators);
  }
  return challenges;
}

/** Reads up to the next scheme: a token without a `=` after it. */
function parseParameters(cursor: Cursor): Readonly<Record<string, string>> | undefined {
  const parameters = new Map<string, string>();
  for (;;) {
    const start = cursor.at();
    cursor.take(separators);
    const name = cursor.take(token)?.[0]?.toLowerCase();
    cursor.take(blanks);
    if (name === undefined || cursor.take(/=/y) === undefined) {
      cursor.moveTo(start);
      cursor.take(separators);
      return Object.fromEntries(parameters);
    }
    cursor.take(blanks);
    const value = cursor.take(quoted)?.[1]?.replace(/\\(.)/g, '$1') ?? cursor.take(bare)?.[0];
    if (value === undefined) return undefined;
    if (!parameters.has(name)) parameters.set(name, value);
  }
}

interface Cursor {
  /** Moves past the match of the sticky pattern at this position. */
  take(pattern: RegExp): RegExpExecArray | undefined;
  at(): number;
  moveTo(position: number): void;
  isAtEnd(): boolean;
}

function createCursor(text: string): Cursor {
  let position = 0;
  return {
    take(pattern) {
      pattern.lastIndex = position;
      const match = pattern.exec(text);
      if (match === null) return undefined;
      position = pattern.lastIndex;
      return match;
    },
    at: () => position,
    moveTo(to) {
      position = to;
    },
    isAtEnd: () => position === text.length,
  };
}
