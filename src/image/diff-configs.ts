import { parseJson } from '../json/parse.ts';

/** A member of a config that differs between two images. */
export interface ConfigChange {
  /** The names that lead to the member, such as `config.Env`. */
  readonly member: string;
  /** The value in the first image. Absent if it has none. */
  readonly before?: unknown;
  /** The value in the second image. Absent if it has none. */
  readonly after?: unknown;
}

/** Members about the layers, which the comparison of layers shows, and the time of the build. */
const leftOut: ReadonlySet<string> = new Set(['rootfs', 'history', 'created']);

/** Compares two configs by member. A list counts as one value. */
export function diffConfigs(before: Uint8Array, after: Uint8Array): readonly ConfigChange[] {
  return [...changes(parsed(before), parsed(after), '')];
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const value = parseJson(bytes, { what: 'the config' });
  return isObject(value) ? value : {};
}

function* changes(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  prefix: string,
): Iterable<ConfigChange> {
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (prefix === '' && leftOut.has(name)) continue;
    const [old, young] = [before[name], after[name]];
    if (JSON.stringify(old) === JSON.stringify(young)) continue;
    const member = `${prefix}${name}`;
    if (isObject(old) && isObject(young)) yield* changes(old, young, `${member}.`);
    else yield { member, before: old, after: young };
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
