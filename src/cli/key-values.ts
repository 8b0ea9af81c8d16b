import { InputError } from '../errors.ts';

/**
 * Reads `K=V` options as Go's flag parsers do: several pairs with commas between them, and quotes around a pair with a
 * comma in it. `K-` removes the key, as does each of `unset`.
 * @throws INVALID_OPTION for a text of another form
 */
export function keyValues(
  option: string,
  given: readonly string[],
  unset: readonly string[] = [],
): Readonly<Record<string, string | null>> | undefined {
  const pairs = given.flatMap(commaFields).map((pair): readonly [string, string | null] => {
    const at = pair.indexOf('=');
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
    if (at < 0 && pair.length > 1 && pair.endsWith('-')) return [pair.slice(0, -1), null];
    throw new InputError(
      'INVALID_OPTION',
      `--${option} takes KEY=VALUE, or KEY- to remove it, not "${shown(pair)}"`,
    );
  });
  const all = [...pairs, ...unset.map((key) => [key, null] as const)];
  // `fromEntries` defines the members instead of assigning them, so `__proto__` is an ordinary key.
  return all.length === 0 ? undefined : Object.fromEntries(all);
}

/**
 * Reads environment variables. They are not split at commas, which their values often contain.
 * @throws INVALID_OPTION for a text without a name
 */
export function variables(
  given: readonly string[],
  unset: readonly string[] = [],
): Readonly<Record<string, string | null>> | undefined {
  const set = given.map((pair): readonly [string, string] => {
    const at = pair.indexOf('=');
    if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
    // The text may be a secret without its name.
    throw new InputError('INVALID_OPTION', '--env takes NAME=VALUE; --unset-env NAME removes a variable');
  });
  const all = [...set, ...unset.map((name) => [name, null] as const)];
  return all.length === 0 ? undefined : Object.fromEntries(all);
}

/**
 * Reads a list: words with commas between them, or a JSON array of strings. Several occurrences of the option join.
 * @throws INVALID_OPTION for a malformed array
 */
export function wordList(option: string, given: readonly string[]): readonly string[] | undefined {
  if (given.length === 0) return undefined;
  return given.flatMap((text) => (text.startsWith('[') ? jsonList(option, text) : commaFields(text)));
}

function jsonList(option: string, text: string): readonly string[] {
  const list = parsed(text);
  if (Array.isArray(list) && list.every((word) => typeof word === 'string')) return list;
  throw new InputError('INVALID_OPTION', `--${option}: "${shown(text)}" is not a JSON array of strings`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Splits at commas outside of quotes. A field in quotes has its quotes doubled, as in CSV. */
function commaFields(text: string): readonly string[] {
  return [...text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"(?=,|$)|([^,]*))/g)].map(
    ([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain,
  );
}

function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
