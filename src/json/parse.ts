import { ContentError } from '../errors.ts';

export interface ParseOptions {
  /** Names the document in messages: `manifest sha256:…`, `index.json`. */
  readonly what: string;
  /** Default: no limit beyond what the caller has in memory. */
  readonly maxBytes?: number;
  /** Nested objects and arrays. Default 64. */
  readonly maxDepth?: number;
}

/** Deeper than any format goes, and far from where recursion over the value could hurt. */
const defaultDepth = 64;

/**
 * JSON as RFC 7493 has it: UTF-8, no key twice in an object, nesting limited. Linear in time and memory.
 * Throws TOO_LARGE over `maxBytes`, MANIFEST_INVALID otherwise; a message never quotes the document.
 */
export function parseJson(bytes: Uint8Array, options: ParseOptions): unknown {
  const { what, maxBytes = Number.POSITIVE_INFINITY, maxDepth = defaultDepth } = options;
  if (bytes.byteLength > maxBytes) {
    throw new ContentError('TOO_LARGE', `${what}: ${bytes.byteLength} bytes, more than ${maxBytes}`, {
      expected: maxBytes,
      actual: bytes.byteLength,
    });
  }
  const text = decode(bytes, what);
  checkKeys(text, maxDepth, what);
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    // Its message quotes the document, which may be a secret in the wrong place or a page of HTML.
    throw invalid(what, text.trimStart().startsWith('<') ? 'is HTML or XML, not JSON' : 'is not JSON');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid(what, 'is not UTF-8 text');
  }
}

const quote = 0x22;
const backslash = 0x5c;

/**
 * `JSON.parse` takes the last of two equal keys where other parsers take the first, so that one document could be two.
 * Only strings and brackets are looked at here: text that is not JSON gets through, and `JSON.parse` refuses it.
 */
function checkKeys(text: string, maxDepth: number, what: string): void {
  /** The keys seen at each depth; `undefined` for an array. Sets are used again, by depth. */
  const open: (Set<string> | undefined)[] = [];
  const sets: Set<string>[] = [];
  let isKeyNext = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote: {
        const end = endOfString(text, at);
        if (isKeyNext) addKey(text.slice(at, end), open.at(-1), what);
        isKeyNext = false;
        at = end - 1;
        break;
      }
      case 0x7b /* { */:
      case 0x5b /* [ */:
        {
          if (open.length === maxDepth) throw invalid(what, `is nested more than ${maxDepth} deep`);
          isKeyNext = text.charCodeAt(at) === 0x7b;
          const keys = isKeyNext ? (sets[open.length] ?? new Set<string>()) : undefined;
          if (keys !== undefined) {
            keys.clear();
            sets[open.length] = keys;
          }
          open.push(keys);
          break;
        }
      case 0x7d /* } */:
      case 0x5d /* ] */:
        open.pop();
        isKeyNext = false;
        break;
      case 0x2c /* , */:
        isKeyNext = open.at(-1) !== undefined;
        break;
    }
  }
}

function addKey(quoted: string, keys: Set<string> | undefined, what: string): void {
  const key = quoted.includes('\\') ? unescaped(quoted) : quoted.slice(1, -1);
  if (keys?.has(key)) throw invalid(what, `has the key "${key.slice(0, 100)}" twice in one object`);
  keys?.add(key);
}

function unescaped(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

/** One past the closing quote, or the end of a text that has none. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (code === backslash) at++;
  }
  return text.length;
}

function invalid(what: string, problem: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${what} ${problem}`);
}
