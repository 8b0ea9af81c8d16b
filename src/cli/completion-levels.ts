import type { Command, Option } from './command.ts';
import { isGroup } from './command.ts';
import type { CompletionLevel, CompletionOption, CompletionWord } from './completion-tree.ts';
import { globalOptions } from './shared-options.ts';
import { commands, globalOptionsOf } from './table.ts';

/** Lists all words for completion. It reads the command table, so a new command is included at once. */
export function completionLevels({
  descriptions,
}: {
  readonly descriptions: boolean;
}): readonly CompletionLevel[] {
  const describe = (summary: string): string => (descriptions ? summary : '');
  const optionWord = ({ name, short, summary, value, choices = [] }: Option): CompletionOption => ({
    text: `--${name}`,
    description: describe(summary),
    spellings: [`--${name}`, ...(short === undefined ? [] : [`-${short}`])],
    value: value !== undefined,
    choices,
  });
  const globals = globalOptions.map(optionWord);
  const words = (command: Command): CompletionWord[] =>
    names(command).map((text) => ({ text, description: describe(command.summary) }));
  const levels = (command: Command, before: string): CompletionLevel[] =>
    names(command).map((name) => ({
      path: `${before}${name}`,
      words: (command.choices ?? []).map((text) => ({ text, description: '' })),
      options: [...command.options, ...globalOptionsOf(command)].map(optionWord),
    }));

  return [
    {
      path: '',
      words: commands.flatMap((entry) =>
        isGroup(entry) ? [{ text: entry.name, description: describe(entry.summary) }] : words(entry),
      ),
      options: globals,
    },
    ...commands.flatMap((entry) =>
      isGroup(entry)
        ? [
            { path: entry.name, words: entry.commands.flatMap(words), options: globals },
            ...entry.commands.flatMap((command) => levels(command, `${entry.name} `)),
          ]
        : levels(entry, ''),
    ),
  ];
}

function names({ name, aliases = [] }: Command): readonly string[] {
  return [name, ...aliases];
}
