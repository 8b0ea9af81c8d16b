import { ContentError } from '../errors.ts';
import { endOfString } from './scan.ts';

export interface ParseOptions {
  /** The name of the document in messages: `manifest sha256:…`, `index.json`. */
  readonly what: string;
  /** @defaultValue no limit */
  readonly maxBytes?: number | undefined;
  /**
   * The deepest nesting of objects and arrays.
   * @defaultValue 64
   */
  readonly maxDepth?: number | undefined;
}

/** Deeper than any format, and far below the depth at which recursion over the value fails. */
const defaultDepth = 64;

/**
 * Parses JSON by RFC 7493: UTF-8, no duplicate keys in an object, limited nesting. Takes linear time and memory.
 * Messages never quote the document.
 * @throws TOO_LARGE above `maxBytes`
 * @throws MANIFEST_INVALID for any other violation
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
    // The parser's message quotes the document, which may be a misplaced secret or a web page.
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

/**
 * Refuses duplicate keys: `JSON.parse` takes the last of two where other parsers take the first, so one document could
 * be two. Scans only strings and brackets. `JSON.parse` refuses text that is not JSON.
 */
function checkKeys(text: string, maxDepth: number, what: string): void {
  /** The keys seen at each depth; `undefined` for an array. The sets are reused by depth. */
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

function invalid(what: string, problem: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${what} ${problem}`);
}
