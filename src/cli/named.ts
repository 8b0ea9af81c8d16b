import { parsePlace } from '../client/place.ts';
import { parseRegistry } from '../spec/reference.ts';
import type { Argument, ArgumentKind } from './arguments.ts';
import type { Command } from './command.ts';
import { isLayoutPath } from './given-index.ts';
import type { ParsedArgs } from './parsed-args.ts';

/** A word of the command line with its meaning. */
type Word = readonly [kind: ArgumentKind, text: string];

/**
 * Lists the registries that a command line names, each once.
 * @throws INVALID_REFERENCE, as the command itself would
 */
export function namedRegistries(command: Command, given: ParsedArgs): readonly string[] {
  const words = [
    ...argumentWords(command.arguments, given.arguments),
    ...command.options.flatMap(({ name, valueKind = 'word' }) =>
      given.list(name).map((text): Word => [valueKind, text]),
    ),
  ];
  return [...new Set(words.flatMap(registryOf))];
}

function registryOf([kind, text]: Word): readonly string[] {
  switch (kind) {
    case 'registry':
      return [parseRegistry(text).registry];
    case 'index':
      return isLayoutPath(text) ? [] : registryOf(['place', text]);
    case 'place':
    case 'image':
    case 'blob':
    case 'repository': {
      const place = parsePlace(text);
      return place.kind === 'registry' ? [place.reference.registry] : [];
    }
    case 'path':
    case 'word':
      return [];
    default:
      return kind satisfies never;
  }
}

/** Gives each word the meaning of its argument. An argument of many takes all words but those of the arguments after it. */
function* argumentWords(taken: readonly Argument[], words: readonly string[]): Iterable<Word> {
  let at = 0;
  for (const [index, { kind, many = false }] of taken.entries()) {
    const count = many ? words.length - at - (taken.length - index - 1) : 1;
    for (const text of words.slice(at, at + count)) yield [kind, text];
    at += count;
  }
}
