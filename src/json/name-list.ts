import { ContentError } from '../errors.ts';

/** In characters. A name has at most some hundred, so a longer token belongs to no list of names. */
const maxToken = 16 * 1024;
/** The limit of `parseJson`. */
const maxDepth = 64;

/**
 * Reads the strings in one array of a JSON object while the bytes arrive, such as `tags` of
 * `{"name":"app","tags":["1","2"]}`. The list may be of any length. A missing list and `null` are empty. Parses and
 * discards the other members.
 * @throws MANIFEST_INVALID when the text is not JSON or holds no such list
 */
export async function* namesIn(
  source: AsyncIterable<Uint8Array>,
  { field, what }: { readonly field: string; readonly what: string },
): AsyncIterable<string> {
  const list = new NameList(field, what);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw new ContentError('MANIFEST_INVALID', `${what} is not UTF-8 text`);
    }
  };
  for await (const chunk of source) yield* list.read(decode(chunk));
  yield* list.read(decode(), { isLast: true });
}

type Next = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end' | 'nothing';

class NameList {
  readonly #field: string;
  readonly #what: string;
  /** The open brackets. */
  readonly #open: ('{' | '[')[] = [];
  #next: Next = 'value';
  /** The text that holds no whole token yet, and the number of its characters already scanned. */
  #rest = '';
  #looked = 0;
  /** The latest key of the outermost object. */
  #key = '';
  #found = false;

  constructor(field: string, what: string) {
    this.#field = field;
    this.#what = what;
  }

  read(text: string, { isLast = false }: { readonly isLast?: boolean } = {}): readonly string[] {
    const names: string[] = [];
    const all = this.#rest + text;
    let at = 0;
    for (;;) {
      const end = tokenEnd(all, at, { looked: this.#looked, isLast });
      if (end === undefined) break;
      const token = all.slice(at, end).trimStart();
      at = end;
      this.#looked = 0;
      if (token === '') break;
      if (token.length > maxToken) throw this.#invalid(`has a name of more than ${maxToken} characters`);
      const name = this.#take(token);
      if (name !== undefined) names.push(name);
    }
    this.#rest = all.slice(at);
    // A backslash at the end may be the first half of an escape.
    this.#looked = this.#rest.length - trailingBackslashes(this.#rest);
    if (this.#rest.length > maxToken) throw this.#invalid(`has a name of more than ${maxToken} characters`);
    if (isLast && (this.#next !== 'nothing' || this.#rest.trim() !== '')) throw this.#invalid('is not JSON');
    return names;
  }

  /** Returns the token if it is one of the names. */
  #take(token: string): string | undefined {
    const inList = this.#found && this.#open.length === 2 && this.#key === this.#field;
    switch (token) {
      case '{':
      case '[':
        this.#begin(token);
        return undefined;
      case '}':
      case ']':
        this.#end(token);
        return undefined;
      case ':':
        this.#expect('colon');
        this.#next = 'value';
        return undefined;
      case ',':
        this.#expect('comma or end');
        this.#next = this.#open.at(-1) === '{' ? 'key' : 'value';
        return undefined;
    }
    const value = this.#parse(token);
    if (this.#next === 'key' || this.#next === 'key or end') {
      if (typeof value !== 'string') throw this.#invalid('is not JSON');
      if (this.#open.length === 1) this.#enter(value);
      this.#next = 'colon';
      return undefined;
    }
    this.#expect('value', 'value or end');
    if (this.#open.length === 0) throw this.#invalid('is JSON but no object');
    if (this.#open.length === 1 && this.#key === this.#field && value !== null) throw this.#noList();
    this.#next = 'comma or end';
    if (!inList) return undefined;
    if (typeof value !== 'string') throw this.#noList();
    return value;
  }

  #enter(key: string): void {
    this.#key = key;
    if (key !== this.#field) return;
    if (this.#found) throw this.#invalid(`has the key "${this.#field}" twice in one object`);
    this.#found = true;
  }

  #begin(bracket: '{' | '['): void {
    this.#expect('value', 'value or end');
    const depth = this.#open.length;
    if (depth === 0 && bracket === '[') throw this.#invalid('is JSON but no object');
    if (depth >= 1 && this.#key === this.#field && (depth > 1 || bracket === '{')) throw this.#noList();
    if (depth === maxDepth) throw this.#invalid(`is nested more than ${maxDepth} deep`);
    this.#open.push(bracket);
    this.#next = bracket === '{' ? 'key or end' : 'value or end';
  }

  #end(bracket: '}' | ']'): void {
    this.#expect('comma or end', bracket === '}' ? 'key or end' : 'value or end');
    if (this.#open.pop() !== (bracket === '}' ? '{' : '[')) throw this.#invalid('is not JSON');
    this.#next = this.#open.length === 0 ? 'nothing' : 'comma or end';
  }

  #expect(...allowed: readonly Next[]): void {
    if (!allowed.includes(this.#next)) throw this.#invalid('is not JSON');
  }

  #parse(token: string): unknown {
    try {
      const value: unknown = JSON.parse(token);
      return value;
    } catch {
      throw this.#invalid('is not JSON');
    }
  }

  #noList(): ContentError {
    return this.#invalid(`has no list of ${this.#field}`);
  }

  #invalid(problem: string): ContentError {
    return new ContentError('MANIFEST_INVALID', `${this.#what} ${problem}`);
  }
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Returns the end of the token at `at`, including leading space; undefined if the rest of the token may still come. */
function tokenEnd(
  text: string,
  at: number,
  { looked, isLast }: { readonly looked: number; readonly isLast: boolean },
): number | undefined {
  let start = at;
  while (start < text.length && isSpace(text.charCodeAt(start))) start++;
  if (start === text.length) return isLast ? undefined : start === at ? undefined : start;
  const first = text[start] ?? '';
  if ('{}[]:,'.includes(first)) return start + 1;
  if (first === '"') return stringEnd(text, Math.max(start + 1, at + looked));
  let end = start + 1;
  while (end < text.length && /[\w.+-]/.test(text[end] ?? '')) end++;
  return end === text.length && !isLast ? undefined : end;
}

function trailingBackslashes(text: string): number {
  let at = text.length;
  while (at > 0 && text.charCodeAt(at - 1) === 0x5c) at--;
  return text.length - at;
}

function stringEnd(text: string, from: number): number | undefined {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) at++;
  }
  return undefined;
}
