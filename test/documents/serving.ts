import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { listenAnywhere } from '../../bench/support/listen.ts';
import { command, saidOnStderr } from '../cli/gantry.ts';

/**
 * Runs `gantry serve` for the shell blocks. A reader of `gantry serve` types the next line in another terminal. The
 * `gantry` of the blocks hands a `serve` to this process and goes on when the registry answers.
 */
export interface Serving extends AsyncDisposable {
  /** The address to which the `gantry` of the blocks posts `{ args, cwd }`. */
  readonly url: string;
  /** Ends all registries that were started so far. Fails if SIGTERM does not end one in the right way. */
  end(): Promise<void>;
}

export interface ServingOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Is called with the port of each registry as soon as it answers. */
  readonly started: (port: number) => void;
}

/** The seconds that a registry has to start or to end, also on a busy machine. */
const patience = 120;

export async function startServing({ env, started }: ServingOptions): Promise<Serving> {
  const running: ChildProcess[] = [];
  const server = createServer((request, response) => {
    const serve = async (): Promise<string> => {
      const { args, cwd } = asCommand(await json(request));
      const [file, ...first] = command;
      const child = spawn(file, [...first, ...withFreePort(args)], { cwd, env });
      const [, port = ''] = await saidOnStderr(child, /serving on port (\d+)/);
      running.push(child);
      started(Number(port));
      return port;
    };
    serve().then(
      (port) => response.writeHead(200).end(port),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  const end = async (): Promise<void> => {
    for (const child of running.splice(0)) await endOne(child);
  };
  return {
    url: `http://127.0.0.1:${await listenAnywhere(server)}`,
    end,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await end();
    },
  };
}

async function endOne(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), patience * 1000);
    await closed;
    clearTimeout(timer);
  }
  assert.equal(child.exitCode, 143, 'a registry that gets SIGTERM ends with 143');
}

function asCommand(value: unknown): { readonly args: readonly string[]; readonly cwd: string } {
  assert(typeof value === 'object' && value !== null && 'args' in value && 'cwd' in value);
  assert(Array.isArray(value.args) && typeof value.cwd === 'string');
  return { args: value.args.map(String), cwd: value.cwd };
}

/**
 * Another program may have the port of a document: the registry gets a free one, and `Forward` listens at the named
 * one.
 */
function withFreePort(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--address');
  if (at < 0) return [...args, '--address', '127.0.0.1:0'];
  return args.map((word, index) => (index === at + 1 ? word.replace(/:\d+$/, ':0') : word));
}
