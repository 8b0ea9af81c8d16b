import { argumentUsage } from '../src/cli/arguments.ts';
import { type Command, type CommandGroup, isGroup, type Option } from '../src/cli/command.ts';
import { globalOptions } from '../src/cli/shared-options.ts';
import { commands } from '../src/cli/table.ts';

/**
 * Returns the text of docs/cli.md with new generated parts, made from the table of commands. A part stands between
 * `<!-- generated: NAME -->` and `<!-- end -->`; people write the rest of the page. Throws when a part has no place.
 */
export function cliManual(text: string): string {
  const parts = { commands: commandTable(), flags: optionTable(globalOptions), reference: reference() };
  return Object.entries(parts).reduce((page, [name, part]) => replacePart(page, name, part), text);
}

function replacePart(page: string, name: string, part: string): string {
  const mark = `<!-- generated: ${name} -->\n`;
  const from = page.indexOf(mark) + mark.length;
  const to = page.indexOf('<!-- end -->', from);
  if (from < mark.length || to < 0) throw new Error(`docs/cli.md has no place for the part ${name}`);
  return `${page.slice(0, from)}${part}\n${page.slice(to)}`;
}

interface Named {
  /** `auth login`. */
  readonly name: string;
  readonly command: Command;
}

function named(entry: Command | CommandGroup): readonly Named[] {
  return isGroup(entry)
    ? entry.commands.map((command) => ({ name: `${entry.name} ${command.name}`, command }))
    : [{ name: entry.name, command: entry }];
}

function usage({ name, command: { arguments: taken, choices } }: Named): string {
  return [name, ...(choices === undefined ? taken.map(argumentUsage) : [choices.join('|')])].join(' ');
}

function commandTable(): string {
  const rows = commands
    .flatMap(named)
    .map((one) => `| ${link(cell(`\`${usage(one)}\``), usage(one))} | ${cell(one.command.summary)} |`);
  return ['| command | purpose |', '|---|---|', ...rows].join('\n');
}

/** Returns a link to the heading `gantry NAME …`, with the anchor that GitHub makes of it. */
function link(text: string, heading: string): string {
  const anchor = `gantry ${heading}`
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
  return `[${text}](#${anchor})`;
}

function optionTable(options: readonly Option[]): string {
  const rows = options.map((option) => `| ${cell(flags(option))} | ${cell(option.summary)} |`);
  return ['| flag | meaning |', '|---|---|', ...rows].join('\n');
}

function flags({ name, short, value, choices, repeatable = false }: Option): string {
  const words = [...(short === undefined ? [] : [`\`-${short}\``]), `\`--${name}${nameOf(value)}\``];
  const notes = [
    ...(choices === undefined ? [] : [choices.join(', ')]),
    ...(repeatable ? ['repeatable'] : []),
  ];
  return `${words.join(', ')}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}

const nameOf = (value: string | undefined): string => (value === undefined ? '' : ` ${value}`);

/** A bar would end the cell of the table. */
const cell = (text: string): string => text.replaceAll('|', '\\|');

function reference(): string {
  const all = commands.flatMap(named);
  const sections = all.map((one) => {
    const first = all.find(({ command }) => command === one.command) ?? one;
    return first === one
      ? section(one)
      : `### gantry ${usage(one)}\n\nThe same as ${link(`\`gantry ${first.name}\``, usage(first))}.`;
  });
  return sections.join('\n\n');
}

function section(one: Named): string {
  const { summary, details, aliases = [], options, examples } = one.command;
  return [
    `### gantry ${usage(one)}`,
    [`${capitalized(summary)}.`, ...(details === undefined ? [] : [details])].join(' '),
    ...aliases.map((alias) => `Alias: \`gantry ${alias}\`.`),
    ...(options.length === 0 ? [] : [optionTable(options)]),
    ['```sh', ...examples, '```'].join('\n'),
  ].join('\n\n');
}

function capitalized(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
