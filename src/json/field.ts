import { ContentError } from '../errors.ts';

/** A value in a parsed document, with its path for error messages. */
export interface Field {
  readonly value: unknown;
  /** The name of the document in messages. */
  readonly what: string;
  /** Such as `layers[3].digest`; empty for the whole document. */
  readonly path: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** An object, to be read member by member. */
export interface ObjectField extends Field {
  readonly value: JsonObject;
}

/** Makes the error MANIFEST_INVALID, naming the document and the path. */
export function refusal({ what, path }: Pick<Field, 'what' | 'path'>, problem: string): ContentError {
  return new ContentError('MANIFEST_INVALID', `${what}: ${path === '' ? '' : `${path} `}${problem}`);
}

/**
 * Reads an object of a known shape. Refuses a key that differs from a known one only in case: Go reads `Layers` as
 * `layers`, so other programs would see another document.
 */
export function readObject(field: Field, known: KnownKeys): ObjectField {
  const object = readMap(field);
  for (const key of Object.keys(object.value)) {
    if (!known.exact.has(key) && known.folded.has(fold(key))) {
      throw refusal(
        object,
        `has the key "${key.slice(0, 100)}", which other programs read as a key with other capitals`,
      );
    }
  }
  return object;
}

/** Reads an object with free keys. */
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

/** Folds through upper case first, as Go does, which reads the long s as an s and the Kelvin sign as a k. */
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

/** Returns undefined when the member is missing or null, since Go writes empty values as null. */
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

/** Reads a size in bytes. Numbers in JavaScript are exact only up to 2^53 - 1. */
export function readSize(field: Field): number {
  const { value } = field;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw refusal(field, 'is not a size in bytes');
  }
  return value;
}

/** Reads null as an empty array and refuses a missing one. */
export function readArray<T>(field: Field, read: (item: Field) => T): readonly T[] {
  const { value, what, path } = field;
  if (value === null) return [];
  if (!Array.isArray(value)) throw refusal(field, value === undefined ? 'is missing' : 'is not an array');
  return value.map((item: unknown, at) => read({ value: item, what, path: `${path}[${at}]` }));
}

export function readStringMap(field: Field): Readonly<Record<string, string>> {
  const object = readMap(field);
  // `fromEntries` defines the members instead of assigning them, so `__proto__` is an ordinary key.
  return Object.fromEntries(
    Object.keys(object.value).map((key) => [key, readString(member(object, key))] as const),
  );
}

type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Removes the fields that are undefined. */
export function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
