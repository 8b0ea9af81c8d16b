import type { Client } from '../client/client.ts';
import type { ConnectionOptions } from '../client/connection-options.ts';
import type { Connections } from '../client/connections.ts';
import type { CopyObserver } from '../copy/events.ts';
import { InputError } from '../errors.ts';
import type { WarningObserver, WireObserver } from '../http/event.ts';
import type { Keychain } from '../keychain/credential.ts';
import type { Platform } from '../spec/platform.ts';
import type { RootNotes } from '../store/known-roots.ts';
import type { CompletionLevel } from './completion-tree.ts';
import { readOption } from './of-option.ts';
import { optimizeLater } from './optimize-later.ts';
import type { Output } from './output.ts';
import type { ParsedArgs } from './parsed-args.ts';
import { type ProgressMode, progressModes } from './renderer.ts';
import { commandJournal } from './upload-notes.ts';
import { packageVersion } from './version.ts';

/** The facilities of a command beside its own arguments, made from the global flags. */
export interface Context {
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly json: boolean;
  /**
   * Returns the client, which is made at the first call and closed when the command ends. `keychain` replaces the
   * credential of --username.
   */
  client(keychain?: Keychain): Promise<Client>;
  /** Opens registries as places, with the settings of the client. The caller closes them. */
  connections(): Promise<Connections>;
  /** Returns the platforms of --platform; undefined for `all` and without the flag. */
  platforms(): Promise<readonly Platform[] | undefined>;
  /**
   * Returns --platform for a command that takes only one.
   * @throws INVALID_OPTION for several
   */
  platform(): Promise<{ readonly platform?: Platform }>;
  /** Prints a result: `value` with --json, otherwise each text as a line. */
  result(value: unknown, ...lines: readonly string[]): Promise<void>;
  /** All words of the command line, for completion. */
  readonly completionLevels: CompletionLevels;
  /** Runs a copy and shows its progress. */
  follow<T>(work: (onEvent: CopyObserver) => Promise<T>): Promise<T>;
}

/** Passed in as a function, since the command table imports the commands and these import this file. */
export type CompletionLevels = (options: {
  readonly descriptions: boolean;
}) => Promise<readonly CompletionLevel[]>;

export interface OpenContext extends Context, AsyncDisposable {}

export interface ContextOptions {
  readonly globals: ParsedArgs;
  /** The arguments and options of the command itself. */
  readonly given: ParsedArgs;
  /** Returns the registries that the command line names. */
  readonly named: () => Promise<readonly string[]>;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly completionLevels: CompletionLevels;
}

export function createContext(options: ContextOptions): OpenContext {
  const { globals, output, signal, completionLevels } = options;
  const json = globals.flag('json');
  let client: Client | undefined;
  return {
    output,
    signal,
    json,
    platforms: () => platformsOf(globals),
    completionLevels,
    async client(own) {
      if (client !== undefined) return client;
      const { createClient } = await import('../client/client.ts');
      client = createClient({
        ...(await connectionOptions(options, own)),
        rootNotes,
        nondistributable: globals.flag('allow-nondistributable-artifacts'),
      });
      return client;
    },
    async connections() {
      const { createConnections } = await import('../client/connections.ts');
      return createConnections(await connectionOptions(options));
    },
    async platform() {
      const [platform, ...others] = (await platformsOf(globals)) ?? [];
      if (others.length > 0) throw new InputError('INVALID_OPTION', 'this command takes only one --platform');
      return platform === undefined ? {} : { platform };
    },
    async result(value, ...lines) {
      if (json) await output.line(JSON.stringify(value));
      else for (const line of lines) await output.line(line);
    },
    follow: (work) => withProgress(output, progressMode(globals.text('progress')), work),
    async [Symbol.asyncDispose]() {
      await client?.[Symbol.asyncDispose]();
    },
  };
}

const notesOnRoots = async (): Promise<RootNotes> => (await import('./state.ts')).openRootNotes();
/** The notes on images in registries. Their code loads when a copy first needs it. */
const rootNotes: RootNotes = {
  find: async (place, repository) => (await notesOnRoots()).find(place, repository),
  note: async (place, repository, roots) => (await notesOnRoots()).note(place, repository, roots),
};

/** Parses the values of --platform; undefined for `all` and without the flag. */
async function platformsOf(globals: ParsedArgs): Promise<readonly Platform[] | undefined> {
  const given = globals.list('platform');
  if (given.length === 0 || (given.length === 1 && given[0] === 'all')) return undefined;
  const { parsePlatform } = await import('../spec/platform.ts');
  return given.map((text) => readOption('platform', text, parsePlatform));
}

/** Returns the settings for every connection to a registry. `own` replaces the credential of --username. */
async function connectionOptions(options: ContextOptions, own?: Keychain): Promise<ConnectionOptions> {
  const { globals, given, output } = options;
  const { connectionFlags } = await import('./connection-flags.ts');
  const keychain = (await signedIn(options, own)) ?? own;
  return {
    onWire: globals.flag('verbose') ? await wireObserver(output) : undefined,
    ...(await connectionFlags(globals, given)),
    upload: { journal: given.flag('no-resume') ? undefined : commandJournal() },
    keychain,
    standard: {
      input: async () => (await import('./standard.ts')).standardStreams(options).input(),
      output: async () => (await import('./standard.ts')).standardStreams(options).output(),
    },
    userAgent: `gantry/${packageVersion()}`,
    onWarning: warningObserver(output),
  };
}

/** Runs a copy with its progress on stderr. The last line of the progress tells whether the copy succeeded. */
async function withProgress<T>(
  output: Output,
  mode: ProgressMode | undefined,
  work: (onEvent: CopyObserver) => Promise<T>,
): Promise<T> {
  optimizeLater();
  const { startProgress } = await import('./progress.ts');
  const progress = startProgress(output, { mode });
  let done = false;
  try {
    const answer = await work(progress.observe);
    done = true;
    return answer;
  } finally {
    progress.end(done);
  }
}

/** Returns the keychain of --username; undefined without that flag. */
async function signedIn(options: ContextOptions, own: Keychain | undefined): Promise<Keychain | undefined> {
  const { globals, named } = options;
  if (!globals.flag('username') && !globals.flag('password-stdin')) return undefined;
  if (own !== undefined) {
    throw new InputError('INVALID_OPTION', '--username excludes --src-username and --dest-username');
  }
  const { signedIn } = await import('./sign-in.ts');
  return await signedIn(globals, named, options);
}

function progressMode(text: string | undefined): ProgressMode | undefined {
  return progressModes.find((mode) => mode === text);
}

/** Shows warnings of registries at once and each text once, so that a command that fails later has shown them too. */
function warningObserver(output: Output): WarningObserver {
  const warned = new Set<string>();
  return ({ host, text }) => {
    if (warned.has(text)) return;
    warned.add(text);
    output.note(`warning about ${host}: ${text}`, 'warning');
  };
}

/** Shows every request and answer. */
async function wireObserver(output: Output): Promise<WireObserver> {
  const { wireLines } = await import('./wire-log.ts');
  return (event) => {
    for (const line of wireLines(event)) output.note(line, 'dim');
  };
}
