import { type Field, type ObjectField, readMap, refusal } from '../json/field.ts';

/** Reads an object that has only known members. A security document with an unknown one may mean something else. */
export function readExact(field: Field, ...names: readonly string[]): ObjectField {
  const object = readMap(field);
  for (const key of Object.keys(object.value)) {
    if (!names.includes(key)) throw refusal(object, `has the unknown member "${key.slice(0, 100)}"`);
  }
  return object;
}
