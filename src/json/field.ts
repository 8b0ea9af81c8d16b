import { ContentError } from '../errors.ts';

/** A value in a parsed document, and where it stands, so that a refusal can say so. */
export interface Field {
  readonly value: unknown;
  /** The document. */
  readonly what: string;
  /** `layers[3].digest`; empty for the whole document. */
  readonly path: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** An object whose own values are read one by one. */
export interface ObjectField extends Field {
  readonly value: JsonObject;
}

/** MANIFEST_INVALID, naming the document and the place in it. */
export function refusal({ what, path }: Pick<Field, 'what' | 'path'>, problem: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${what}: ${path === '' ? '' : `${path} `}${problem}`);
}

/**
 * An object of a known shape. A key that is a known one in other letters is refused: Go takes `Layers` for `layers`,
 * so the document would be another to half of its readers.
 */
export function readObject(field: Field, known: KnownKeys): ObjectField {
  const object = readMap(field);
  for (const key of Object.keys(object.value)) {
    if (!known.exact.has(key) && known.folded.has(fold(key))) {
      throw refusal(object, `has the key "${key.slice(0, 100)}", which other programs take for another`);
    }
  }
  return object;
}

/** An object whose keys are free. */
export function readMap(field: Field): ObjectField {
  const { value } = field;
  if (!isObject(value)) throw refusal(field, 'is not an object');
  return { ...field, value };
}

export interface KnownKeys {
  readonly exact: ReadonlySet<string>;
  readonly folded: ReadonlySet<string>;
}

export function knownKeys(...names: readonly string[]): KnownKeys {
  return { exact: new Set(names), folded: new Set(names.map(fold)) };
}

/** Through upper case first, as Go folds: it takes the long s for an s and the Kelvin sign for a k. */
function fold(key: string): string {
  return key.toUpperCase().toLowerCase();
}

export function has({ value }: ObjectField, name: string): boolean {
  return Object.hasOwn(value, name);
}

export function member(object: ObjectField, name: string): Field {
  const { value, what, path } = object;
  return {
    value: Object.hasOwn(value, name) ? value[name] : undefined,
    what,
    path: path === '' ? name : `${path}.${name}`,
  };
}

/** `undefined` where the member is missing or null, as Go writes what is empty. */
export function optional<T>(object: ObjectField, name: string, read: (field: Field) => T): T | undefined {
  const field = member(object, name);
  return field.value === undefined || field.value === null ? undefined : read(field);
}

export function readString(field: Field): string {
  if (typeof field.value !== 'string') throw refusal(field, 'is not a string');
  return field.value;
}

export function readBoolean(field: Field): boolean {
  if (typeof field.value !== 'boolean') throw refusal(field, 'is not true or false');
  return field.value;
}

/** Bytes: JavaScript's numbers are exact up to 2^53 - 1 and no further. */
export function readSize(field: Field): number {
  const { value } = field;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw refusal(field, 'is not a size in bytes');
  }
  return value;
}

/** Null reads as empty; a missing array is refused. */
export function readArray<T>(field: Field, read: (item: Field) => T): readonly T[] {
  const { value, what, path } = field;
  if (value === null) return [];
  if (!Array.isArray(value)) throw refusal(field, value === undefined ? 'is missing' : 'is not an array');
  return value.map((item: unknown, at) => read({ value: item, what, path: `${path}[${at}]` }));
}

export function readStringMap(field: Field): Readonly<Record<string, string>> {
  const object = readMap(field);
  // `fromEntries` defines rather than assigns, so that a key `__proto__` is a key like any other.
  return Object.fromEntries(
    Object.keys(object.value).map((key) => [key, readString(member(object, key))] as const),
  );
}

type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The same fields without those that are undefined. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
