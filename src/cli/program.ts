import { CommanderError, Help, Command as Parser, Option as ParserOption } from 'commander';
import { InputError } from '../errors.ts';
import { argumentUsage } from './arguments.ts';
import type { Command, CommandGroup, Option } from './command.ts';
import { isGroup } from './command.ts';
import { plainFlags } from './flags.ts';
import { misspelled } from './misspelled.ts';
import { checkArity, createParsedArgs, type ParsedArgs } from './parsed-args.ts';
import { globalOptions } from './shared-options.ts';
import { commands, globalOptionsOf } from './table.ts';

export type Invocation =
  | {
      readonly kind: 'run';
      readonly command: Command;
      readonly given: ParsedArgs;
      readonly globals: ParsedArgs;
    }
  | { readonly kind: 'help'; readonly text: string };

const globalGroup = 'Global options:';
const summary = 'Move container images and OCI artifacts between registries, disks and programs.';

/**
 * Parses a command line.
 * @throws INVALID_OPTION naming the mistake
 */
export function parseCommandLine(argv: readonly string[]): Invocation {
  const words = plainFlags(argv, allOptions());
  const globals = new Map<string, string[]>();
  let printed = '';
  let invocation: Invocation | undefined;
  const root = createRoot(globals, (text) => {
    printed += text;
  });
  const add = (parent: Parser, command: Command): void =>
    addCommand(parent, command, { words, globals }, (given) => {
      invocation = { kind: 'run', command, given, globals: createParsedArgs([], globals) };
    });
  for (const entry of commands) {
    if (!isGroup(entry)) add(root, entry);
    else {
      const group = addGroup(root, entry, globals);
      for (const command of entry.commands) add(group, command);
    }
  }
  try {
    root.parse(words, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // The user asked for help, or gave a group without a command.
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help') {
      return { kind: 'help', text: printed };
    }
    throw new InputError('INVALID_OPTION', error.message.replace(/^error: /, '').replaceAll('\n', ' '));
  }
  return invocation ?? { kind: 'help', text: root.helpInformation() };
}

type Values = Map<string, string[]>;

/** Creates the parser of the whole command line, which passes help texts to `print`. */
function createRoot(globals: Values, print: (text: string) => void): Parser {
  const root = new Parser('gantry')
    .description(summary)
    .usage('COMMAND [options]')
    .addHelpOption(helpOption())
    .helpCommand('help [COMMAND]', 'show help for a command')
    .configureHelp({
      subcommandTerm: (command) => [command.name(), ...command.aliases()].join(', '),
      formatHelp: (command, helper) => commandsFirst(new Help().formatHelp(command, helper)),
    })
    .enablePositionalOptions()
    .showSuggestionAfterError(false)
    .configureOutput({ writeOut: print, writeErr: print });
  addOptions(root, globalOptions, globals, globalGroup);
  refuseUnknown(root, globalOptions);
  return root;
}

function addGroup(root: Parser, entry: CommandGroup, globals: Values): Parser {
  const group = root.command(entry.name).summary(entry.summary).description(entry.summary);
  group.usage('COMMAND [options]').enablePositionalOptions().addHelpOption(helpOption());
  addOptions(group, globalOptions, globals, globalGroup);
  refuseUnknown(group, globalOptions);
  return group;
}

interface Line {
  readonly words: readonly string[];
  readonly globals: Values;
}

/** Adds a command, and calls `onRun` with its arguments and options when the line has it. */
function addCommand(
  parent: Parser,
  command: Command,
  { words, globals }: Line,
  onRun: (given: ParsedArgs) => void,
): void {
  const parser = parent.command(command.name).summary(command.summary);
  for (const alias of command.aliases ?? []) parser.alias(alias);
  // Only the commands in the command line are described fully, since describing all of them takes time.
  if (![command.name, ...(command.aliases ?? [])].some((name) => words.includes(name))) return;
  const options: Values = new Map();
  describe(parser, command);
  addOptions(parser, command.options, options);
  addOptions(parser, globalOptionsOf(command), globals, globalGroup);
  refuseUnknown(parser, [...command.options, ...globalOptionsOf(command)]);
  parser.argument('[args...]').action((args: string[]) => {
    checkArity(command.name, command.arguments, args);
    onRun(createParsedArgs(args, options));
  });
}

/** Answers an unknown word with the nearest known one. */
function refuseUnknown(parser: Parser, options: readonly Option[]): void {
  parser.exitOverride((error) => {
    const word = /unknown (?:command|option) '(.*)'$/s.exec(error.message)?.[1];
    if (word !== undefined && error.code === 'commander.unknownCommand') {
      const names = parser.commands.flatMap((command) => [command.name(), ...command.aliases()]);
      throw misspelled('command', word, names);
    }
    if (word !== undefined && error.code === 'commander.unknownOption') {
      throw misspelled('option', word, ['help', ...options.map(({ name }) => name)]);
    }
    throw error;
  });
}

function helpOption(): ParserOption {
  return new ParserOption('-h, --help', 'show help').helpGroup(globalGroup);
}

/** Moves the commands before the global options, which would push them out of sight. */
function commandsFirst(help: string): string {
  const parts = help.split('\n\n').map((part) => part.replace(/^\n+|\n+$/g, ''));
  const commands = parts.filter((part) => part.startsWith('Commands:'));
  const options = parts.findIndex((part) => part.startsWith(globalGroup));
  if (commands.length === 0 || options < 0) return help;
  const rest = (from: number, to?: number): string[] =>
    parts.slice(from, to).filter((part) => part !== '' && !commands.includes(part));
  return `${[...rest(0, options), ...commands, ...rest(options)].join('\n\n')}\n`;
}

function describe(parser: Parser, command: Command): void {
  const names =
    command.choices === undefined ? command.arguments.map(argumentUsage) : [command.choices.join('|')];
  const examples = command.examples.map((example) => `  ${example}`).join('\n');
  parser
    .description([command.summary, command.details].filter((text) => text !== undefined).join('\n\n'))
    .usage([...names, '[options]'].join(' '))
    // Adds the help option to the global group. By default it comes last for a command without options of its own.
    .addHelpOption(helpOption())
    .addHelpText('after', `\nExamples:\n${examples}`);
  // Hides the parser's argument list, since the usage line and the description tell more.
  parser.configureHelp({ visibleArguments: () => [] });
}

/** Adds options to the parser, which notes every value in `given` under the option's name. */
function addOptions(parser: Parser, options: readonly Option[], given: Values, group?: string): void {
  for (const option of options) {
    const short = option.short === undefined ? '' : `-${option.short}, `;
    const value = option.value === undefined ? '' : ` <${option.value}>`;
    const known = new ParserOption(`${short}--${option.name}${value}`, option.summary);
    if (option.choices !== undefined) known.choices(option.choices);
    if (group !== undefined) known.helpGroup(group);
    parser.addOption(known).on(`option:${option.name}`, (text: string | null | undefined) => {
      refuseEmpty(option, text);
      given.set(option.name, [...(given.get(option.name) ?? []), text ?? '']);
    });
  }
}

/** Refuses an empty value and an empty part of a list: mostly a script has not set a variable. */
function refuseEmpty(
  { name, value, repeatable = false, whole = false }: Option,
  text: string | null | undefined,
): void {
  if (value === undefined) return;
  const parts = repeatable && !whole ? (text ?? '').split(',') : [text ?? ''];
  if (!parts.includes('')) return;
  const fault = parts.length > 1 ? 'an empty part between its commas' : 'an empty value';
  const advice = `give it ${value.replace(/[[\]]/g, '')}, or leave the option out`;
  throw new InputError('INVALID_OPTION', `--${name} has ${fault}: ${advice}`);
}

function allOptions(): readonly Option[] {
  const flat = commands.flatMap((entry) => (isGroup(entry) ? entry.commands : [entry]));
  return [...globalOptions, ...flat.flatMap(({ options }) => options)];
}
