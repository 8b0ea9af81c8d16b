import { parsePlace } from '../client/place.ts';
import { parseRegistry } from '../spec/reference.ts';
import type { Command } from './command.ts';
import type { ParsedArgs } from './parsed-args.ts';

/** The names of arguments and of option values that stand for something in a registry. */
const referenceNames = new Set(['IMAGE', 'REPO', 'BLOB', 'SRC', 'DST']);

/**
 * Lists the registries that a command line names, each once.
 * @throws INVALID_REFERENCE, as the command itself would
 */
export function namedRegistries(command: Command, given: ParsedArgs): readonly string[] {
  const words = [
    ...argumentsByName(command.arguments, given.arguments),
    ...command.options.flatMap(({ name, value = '' }) =>
      given.list(name).map((text): readonly [string, string] => [value, text]),
    ),
  ];
  return [...new Set(words.flatMap(([name, text]) => registryOf(name, text)))];
}

function registryOf(name: string, text: string): readonly string[] {
  if (name === 'REGISTRY') return [parseRegistry(text).registry];
  if (!referenceNames.has(name)) return [];
  const place = parsePlace(text);
  return place.kind === 'registry' ? [place.reference.registry] : [];
}

/** Pairs each word with the name of its argument. `IMAGE...` takes all words but those of the arguments behind it. */
function* argumentsByName(
  names: readonly string[],
  words: readonly string[],
): Iterable<readonly [string, string]> {
  let at = 0;
  for (const [index, name] of names.entries()) {
    const count = name.endsWith('...') ? words.length - at - (names.length - index - 1) : 1;
    for (const word of words.slice(at, at + count)) yield [name.replace(/^\[|\]$|\.\.\.$/g, ''), word];
    at += count;
  }
}
