import { execFile } from 'node:child_process';
import { AuthError } from '../errors.ts';
import { signal as abortSignal, amount, object, type Shape } from '../spec/options.ts';
import type { Credential } from './credential.ts';
import { namedCredential } from './docker-config.ts';
import { serverKey } from './server-key.ts';

export interface HelperOptions {
  /** Default: the process's own; its PATH is where helpers are looked for. */
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds; a helper may have to wait for the user to unlock a keychain. Default 60 s. */
  readonly timeout?: number;
  /** Ends the helper. */
  readonly signal?: AbortSignal | undefined;
}

/** What everything that may ask a helper takes. */
export const helperOptions: Shape<HelperOptions> = { env: object, timeout: amount, signal: abortSignal };

const maxOutput = 1024 * 1024;
/** Milliseconds in which the last of an ended helper's output arrives. */
const heldOpen = 1_000;

/**
 * What a credential helper knows of a registry; undefined if it knows nothing. Throws HELPER_FAILED.
 * @see https://github.com/docker/docker-credential-helpers
 */
export async function askHelper(
  name: string,
  registry: string,
  options: HelperOptions = {},
): Promise<Credential | undefined> {
  const output = await runHelper(name, 'get', serverKey(registry), options);
  if (output === undefined) return undefined;
  const reply = parseAnswer(name, 'get', output);
  const username = memberOf(reply, 'username');
  const secret = memberOf(reply, 'secret');
  if (username === undefined || secret === undefined) {
    throw failed(name, 'get', 'its answer has no Username and Secret');
  }
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failed(name, 'get', 'Username and Secret are not text');
  }
  return namedCredential(username, secret);
}

/** Has a helper keep a credential. A token for the registry itself has no form that helpers know: HELPER_FAILED. */
export async function tellHelper(
  name: string,
  registry: string,
  credential: Credential,
  options: HelperOptions = {},
): Promise<void> {
  if (credential.kind === 'registry') throw failed(name, 'store', 'helpers keep no registry tokens');
  const { username, secret } =
    credential.kind === 'basic'
      ? { username: credential.username, secret: credential.password }
      : { username: '<token>', secret: credential.token };
  const entry = { ServerURL: serverKey(registry), Username: username, Secret: secret };
  await runHelper(name, 'store', JSON.stringify(entry), options);
}

/** Has a helper forget what it knows of a registry. */
export async function clearHelper(
  name: string,
  registry: string,
  options: HelperOptions = {},
): Promise<void> {
  await runHelper(name, 'erase', serverKey(registry), options);
}

/** The keys that a helper has credentials for, each with its user. Throws HELPER_FAILED. */
export async function listHelper(
  name: string,
  options: HelperOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const output = await runHelper(name, 'list', '', options);
  const answer = output === undefined ? {} : parseAnswer(name, 'list', output);
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    throw failed(name, 'list', 'its answer is no list of users');
  }
  return new Map(
    Object.entries(answer).map(([key, user]) => {
      if (typeof user !== 'string') throw failed(name, 'list', 'its answer is no list of users');
      return [key, user];
    }),
  );
}

/** As docker reads it, which takes a name in whatever case. */
function memberOf(reply: unknown, name: string): unknown {
  if (typeof reply !== 'object' || reply === null) return undefined;
  return Object.entries(reply).find(([key]) => key.toLowerCase() === name)?.[1];
}

type Action = 'get' | 'store' | 'erase' | 'list';

function parseAnswer(name: string, action: Action, output: string): unknown {
  if (output.trim() === '') throw failed(name, action, 'it ended without an answer');
  try {
    return JSON.parse(output);
  } catch {
    // Neither the output nor the parser's message may be shown: both hold the secret, or a part of it.
    throw failed(name, action, 'its answer is not JSON');
  }
}

/** Runs `docker-credential-NAME` without a shell. Undefined: it says that it has nothing. */
function runHelper(
  name: string,
  action: Action,
  input: string,
  { env = process.env, timeout = 60_000, signal }: HelperOptions,
): Promise<string | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw failed(name, action, 'that is no name of a helper');
  return new Promise((resolve, reject) => {
    const child = execFile(
      `docker-credential-${name}`,
      [action],
      { env, timeout, signal, maxBuffer: maxOutput, windowsHide: true, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        clearTimeout(late);
        if (error === null) resolve(stdout);
        else if (signal?.aborted === true) reject(signal.reason);
        // It fails with its message on standard output, and this is the one that is no failure.
        else if (/credentials not found/i.test(stdout)) resolve(undefined);
        else reject(failed(name, action, reasonOf(error, { action, stdout, stderr }), missingOnly(error)));
      },
    );
    // What it has started may live on and hold its output open: the answer is whole when the helper has ended.
    let late: NodeJS.Timeout | undefined;
    child.once('exit', () => {
      late = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, heldOpen);
    });
    // A helper that doesn't read its input is judged by its answer.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Of all causes the one that someone asks for: the others may hold what the helper was told. */
function missingOnly(error: Error & { readonly code?: unknown }): Error | undefined {
  return error.code === 'ENOENT' ? error : undefined;
}

function reasonOf(
  error: Error & { readonly code?: unknown; readonly killed?: boolean },
  { action, stdout, stderr }: { readonly action: Action; readonly stdout: string; readonly stderr: string },
): string {
  if (error.code === 'ENOENT') {
    return 'it is not in PATH; install it, or take it out of credsStore and credHelpers in the config file';
  }
  if (error.code === 'EACCES') return 'it may not be run; make it executable';
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'it says too much';
  if (error.killed === true) return 'it gave no answer in time; does it wait for a keychain to be unlocked?';
  const said = (stdout.trim() || stderr.trim()).replace(/\s+/g, ' ');
  // What fails may yet have answered, or say what it was given to keep: words only, and none when it had a secret.
  const isUnfit = said === '' || action === 'store' || /^\[|\{|secret/i.test(said);
  return isUnfit ? `it ended with ${String(error.code)}` : said.slice(0, 200);
}

function failed(name: string, action: string, why: string, cause?: Error): AuthError {
  return new AuthError(
    'HELPER_FAILED',
    `docker-credential-${name} ${action}: ${why}`,
    cause === undefined ? {} : { cause },
  );
}
