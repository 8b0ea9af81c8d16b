import type { Client } from '../client/client.ts';
import type { ConnectionOptions, Connections } from '../client/connections.ts';
import type { CopyObserver } from '../copy/events.ts';
import { InputError } from '../errors.ts';
import type { WireEvent } from '../http/event.ts';
import type { Keychain } from '../keychain/credential.ts';
import type { Platform } from '../spec/platform.ts';
import type { Given } from './given.ts';
import type { Level } from './level.ts';
import type { Output } from './output.ts';
import { type ProgressMode, progressModes } from './renderer.ts';
import { packageVersion } from './version.ts';

/** What a command gets beside its own arguments: the global flags, made into what they mean. */
export interface Context {
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly json: boolean;
  /** The client, made at the first call and closed when the command ends. `keychain`: in place of what --username gives. */
  client(keychain?: Keychain): Promise<Client>;
  /** Registries as places, as the client would reach them. The caller's to close. */
  connections(): Promise<Connections>;
  /** --platform: undefined is `all`, also when it was not given. */
  platforms(): Promise<readonly Platform[] | undefined>;
  /** --platform where only one makes sense, ready to be spread into options. Throws INVALID_OPTION. */
  platform(): Promise<{ readonly platform?: Platform }>;
  /** A result: `value` with --json, else each text as a line of its own. */
  result(value: unknown, ...lines: readonly string[]): Promise<void>;
  /** The whole command line as words, for completion. */
  readonly vocabulary: Vocabulary;
  /** Runs a copy and shows how it gets on. */
  follow<T>(work: (onEvent: CopyObserver) => Promise<T>): Promise<T>;
}

/** Given from above: the command table can't be known here, since it knows the commands and they know this. */
export type Vocabulary = (options: { readonly descriptions: boolean }) => Promise<readonly Level[]>;

export interface OpenContext extends Context, AsyncDisposable {}

export interface ContextOptions {
  readonly globals: Given;
  /** What was given to the command itself. */
  readonly given: Given;
  /** The registries that the command line names. */
  readonly named: () => Promise<readonly string[]>;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly vocabulary: Vocabulary;
}

export function createContext(options: ContextOptions): OpenContext {
  const { globals, given, output, signal, vocabulary } = options;
  const json = globals.flag('json');
  const mode = progressMode(globals.text('progress'));
  let client: Client | undefined;

  const platforms = async (): Promise<readonly Platform[] | undefined> => {
    const given = globals.list('platform');
    if (given.length === 0 || (given.length === 1 && given[0] === 'all')) return undefined;
    const { parsePlatform } = await import('../spec/platform.ts');
    return given.map(parsePlatform);
  };

  const connecting = async (own?: Keychain): Promise<ConnectionOptions> => {
    const { connectionFlags } = await import('./connection-flags.ts');
    const keychain = (await signedIn(options, own)) ?? own;
    return {
      ...(await connectionFlags(globals, given)),
      ...(keychain === undefined ? {} : { keychain }),
      standard: {
        input: async () => (await import('./standard.ts')).standardStreams(options).input(),
        output: async () => (await import('./standard.ts')).standardStreams(options).output(),
      },
      userAgent: `gantry/${packageVersion()}`,
      onWire: await wireObserver(output, globals.flag('verbose')),
    };
  };

  return {
    output,
    signal,
    json,
    platforms,
    vocabulary,
    async client(own) {
      if (client !== undefined) return client;
      const { createClient } = await import('../client/client.ts');
      client = createClient({
        ...(await connecting(own)),
        nondistributable: globals.flag('allow-nondistributable-artifacts'),
      });
      return client;
    },
    async connections() {
      const { createConnections } = await import('../client/connections.ts');
      return createConnections(await connecting());
    },
    async platform() {
      const [platform, ...others] = (await platforms()) ?? [];
      if (others.length > 0) throw new InputError('INVALID_OPTION', 'only one --platform can be given here');
      return platform === undefined ? {} : { platform };
    },
    async result(value, ...lines) {
      if (json) await output.line(JSON.stringify(value));
      else for (const line of lines) await output.line(line);
    },
    async follow(work) {
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
    },
    async [Symbol.asyncDispose]() {
      await client?.[Symbol.asyncDispose]();
    },
  };
}

/** Who --username says to be; undefined where it says nothing. */
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

/** Registries' warnings are shown at once, each text once: a command that fails later has shown them too. */
async function wireObserver(output: Output, verbose: boolean): Promise<(event: WireEvent) => void> {
  const warned = new Set<string>();
  const wireLines = verbose ? (await import('./wire-log.ts')).wireLines : () => [];
  return (event) => {
    if (event.kind === 'warning' && !warned.has(event.text)) {
      warned.add(event.text);
      output.note(`warning about ${event.host}: ${event.text}`, 'warning');
    }
    for (const line of wireLines(event)) output.note(line, 'dim');
  };
}
