import { ContentError } from '../errors.ts';
import { parseJson } from './parse.ts';
import { endOfString, endOfValue, skipSpace } from './scan.ts';

/** Keys of objects and positions in arrays, from the outermost inwards. */
export type JsonPath = readonly [string | number, ...(string | number)[]];

export interface JsonChange {
  readonly path: JsonPath;
  /** The new value; `undefined` removes the member. */
  readonly value: unknown;
}

/**
 * Changes named members of a JSON document and keeps every other byte: unknown keys, their order, numbers beyond 2^53,
 * escapes and white space. Positions in arrays are those of the document before the changes. A member that does not exist
 * is added at the end, together with the objects on its path; an array takes new elements at the positions after its last
 * one. Of two changes of one member, or of a member and its inside, the later one counts. A member that has its new value
 * already keeps its bytes, and so does each such element of an array with a new value. Null counts as a missing object or
 * array, since Go writes empty ones as null. Without changes the result is the document itself, so that its digest stays.
 *
 * @throws MANIFEST_INVALID when `parseJson` refuses the document, when a path leads into a value that is neither an object
 * nor an array, or past the end of an array. The message names the path.
 */
export function editJson(
  document: Uint8Array,
  changes: readonly JsonChange[],
  { what }: { readonly what: string },
): Uint8Array {
  parseJson(document, { what });
  if (changes.length === 0) return document;
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(document);
  const start = skipSpace(text, 0);
  const edited = editValue({ text, what, start, path: [] }, editsOf(changes));
  return new TextEncoder().encode(text.slice(0, start) + edited + text.slice(endOfValue(text, start)));
}

/** A change of a member, or of members inside it. */
type Edit = { readonly value: unknown } | { readonly inner: Edits };
type Edits = Map<string | number, Edit>;

function editsOf(changes: readonly JsonChange[]): Edits {
  const root: Edits = new Map();
  for (const { path, value } of changes) {
    let edits = root;
    for (const key of path.slice(0, -1)) {
      const found = edits.get(key);
      const inner = found !== undefined && 'inner' in found ? found.inner : new Map<string | number, Edit>();
      edits.set(key, { inner });
      edits = inner;
    }
    const last = path.at(-1);
    if (last !== undefined) edits.set(last, { value });
  }
  return root;
}

/** A value of the document. */
interface Place {
  readonly text: string;
  readonly what: string;
  readonly start: number;
  readonly path: readonly (string | number)[];
}

/** The text of an object or array after its edits. */
function editValue(place: Place, edits: Edits): string {
  const { text, start } = place;
  const [open, close] = [text.charAt(start), text.charAt(endOfValue(text, start) - 1)];
  if (open !== '{' && open !== '[') throw refusal(place, 'is neither an object nor an array');
  const { members, style, tail, count } = membersOf(place, edits);
  const added = open === '{' ? newMembers(place, edits, style) : newElements(place, edits, count, style);
  return `${open}${[...members, ...added].join(',')}${tail}${close}`;
}

/** How the document separates its members. */
interface Style {
  /** White space before a member. */
  readonly before: string;
  /** A colon with the white space around it. */
  readonly colon: string;
}

interface Members {
  /** Those that stay, each with the white space before it. Their edits have been taken out of the map. */
  readonly members: readonly string[];
  readonly style: Style;
  /** White space before the closing bracket. */
  readonly tail: string;
  readonly count: number;
}

function membersOf(place: Place, edits: Edits): Members {
  const { text, start } = place;
  const isObject = text.charAt(start) === '{';
  const members: string[] = [];
  let style: Style = { before: '', colon: ':' };
  let at = start + 1;
  for (let count = 0; ; count += 1) {
    const first = skipSpace(text, at);
    if (isClosing(text, first)) return { members, style, tail: text.slice(at, first), count };
    const valueAt = isObject ? valueAfterKey(text, first) : first;
    const key = isObject ? keyAt(text, first) : count;
    const valueEnd = endOfValue(text, valueAt);
    const head = text.slice(at, valueAt);
    const value = editedValue({ ...place, start: valueAt, path: [...place.path, key] }, edits.get(key));
    edits.delete(key);
    style = { before: text.slice(at, first), colon: text.slice(endOfValue(text, first), valueAt) };
    const next = skipSpace(text, valueEnd);
    const isLast = isClosing(text, next);
    if (value !== undefined) members.push(head + value + (isLast ? '' : text.slice(valueEnd, next)));
    if (isLast) return { members, style, tail: text.slice(valueEnd, next), count: count + 1 };
    at = next + 1;
  }
}

function isClosing(text: string, at: number): boolean {
  return text.charAt(at) === '}' || text.charAt(at) === ']';
}

function keyAt(text: string, at: number): string {
  return String(JSON.parse(text.slice(at, endOfString(text, at))));
}

function valueAfterKey(text: string, keyStart: number): number {
  const colon = skipSpace(text, endOfString(text, keyStart));
  return skipSpace(text, colon + 1);
}

/** The text of a member's value after its edit; `undefined` when the edit removes the member. */
function editedValue(place: Place, edit: Edit | undefined): string | undefined {
  const { text, start } = place;
  const kept = text.slice(start, endOfValue(text, start));
  if (edit === undefined) return kept;
  if ('value' in edit) return replacedValue(place, kept, edit.value);
  return kept === 'null' ? (newValue(edit, place.path, place) ?? kept) : editValue(place, edit.inner);
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function replacedValue(place: Place, kept: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const before: unknown = JSON.parse(kept);
  if (isSame(before, value)) return kept;
  if (!Array.isArray(before) || !Array.isArray(value)) return JSON.stringify(value);
  if (!before.some((element, at) => isSame(element, value[at]))) return JSON.stringify(value);
  const edits: Edits = new Map();
  for (let at = 0; at < Math.max(before.length, value.length); at++) edits.set(at, { value: value[at] });
  return editValue(place, edits);
}

function newMembers(place: Place, edits: Edits, { before, colon }: Style): readonly string[] {
  return [...edits].flatMap(([key, edit]) => {
    if (typeof key === 'number') throw refusal(place, `is an object, so that position ${key} is not in it`);
    const value = newValue(edit, [...place.path, key], place);
    return value === undefined ? [] : `${before}${JSON.stringify(key)}${colon}${value}`;
  });
}

function newElements(place: Place, edits: Edits, count: number, { before }: Style): readonly string[] {
  const added: string[] = [];
  for (const [key, edit] of [...edits].sort(([one], [other]) => Number(one) - Number(other))) {
    const value = newValue(edit, [...place.path, key], place);
    if (value === undefined) continue;
    if (key !== count + added.length)
      throw refusal(place, `is an array of ${count}, so that ${JSON.stringify(key)} is not in it`);
    added.push(before + value);
  }
  return added;
}

/** The text of a value that the document does not have; `undefined` when all its edits remove something. */
function newValue(
  edit: Edit,
  path: readonly (string | number)[],
  { what }: Pick<Place, 'what'>,
): string | undefined {
  if ('value' in edit) return JSON.stringify(edit.value);
  const isArray = [...edit.inner.keys()].every((key) => typeof key === 'number');
  const place = { text: isArray ? '[]' : '{}', start: 0, path, what };
  const made = editValue(place, edit.inner);
  return made === place.text ? undefined : made;
}

function refusal({ what, path }: Pick<Place, 'what' | 'path'>, problem: string): ContentError {
  const name = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
  return new ContentError('MANIFEST_INVALID', `${what}: ${name === '' ? 'the document' : name} ${problem}`);
}
