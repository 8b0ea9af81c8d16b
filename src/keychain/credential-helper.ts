import { AuthError } from '../errors.ts';
import { signal as abortSignal, amount, object, type Shape } from '../spec/options.ts';
import type { Credential } from './credential.ts';
import { namedCredential } from './docker-config.ts';
import { serverKey } from './server-key.ts';

/** Options for running credential helpers. */
export interface HelperOptions {
  /**
   * The environment of the helper. Its PATH is searched for the helper.
   * @defaultValue `process.env`
   */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /**
   * Milliseconds until the helper is ended. A helper may wait for the user to unlock a keychain.
   * @defaultValue 60000
   */
  readonly timeout?: number | undefined;
  /** Ends the helper when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/** The shape of `HelperOptions`, for functions that may run a helper. */
export const helperOptions: Shape<HelperOptions> = { env: object, timeout: amount, signal: abortSignal };

const maxOutput = 1024 * 1024;
/** Milliseconds to wait for the rest of a helper's output after the helper has ended. */
const heldOpen = 1_000;

/**
 * Resolves with the credential that a helper has for a registry, or with undefined when it has none. Throws
 * HELPER_FAILED.
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
    throw failed(name, 'get', 'its answer has no Username or no Secret');
  }
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failed(name, 'get', 'Username and Secret must be strings');
  }
  return namedCredential(username, secret);
}

/**
 * Stores a credential with a helper. Throws HELPER_FAILED, also for a registry token, since the helper protocol has no
 * form for it.
 */
export async function tellHelper(
  name: string,
  registry: string,
  credential: Credential,
  options: HelperOptions = {},
): Promise<void> {
  if (credential.kind === 'registry')
    throw failed(name, 'store', 'a helper cannot store a registry token; log in with a user and password');
  const { username, secret } =
    credential.kind === 'basic'
      ? { username: credential.username, secret: credential.password }
      : { username: '<token>', secret: credential.token };
  const entry = { ServerURL: serverKey(registry), Username: username, Secret: secret };
  await runHelper(name, 'store', JSON.stringify(entry), options);
}

/** Makes a helper delete its credential for a registry. */
export async function clearHelper(
  name: string,
  registry: string,
  options: HelperOptions = {},
): Promise<void> {
  await runHelper(name, 'erase', serverKey(registry), options);
}

/** Resolves with the keys for which a helper has credentials, each with its user name. Throws HELPER_FAILED. */
export async function listHelper(
  name: string,
  options: HelperOptions = {},
): Promise<ReadonlyMap<string, string>> {
  const output = await runHelper(name, 'list', '', options);
  const answer = output === undefined ? {} : parseAnswer(name, 'list', output);
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    throw failed(name, 'list', 'its answer is not a list of users');
  }
  return new Map(
    Object.entries(answer).map(([key, user]) => {
      if (typeof user !== 'string') throw failed(name, 'list', 'its answer is not a list of users');
      return [key, user];
    }),
  );
}

/** Reads a member without regard to upper and lower case, as docker does. */
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
    // Neither the output nor the parser's message may be shown: both can contain the secret or a part of it.
    throw failed(name, action, 'its answer is not JSON');
  }
}

/** Runs `docker-credential-NAME` without a shell. Resolves with undefined when the helper has no credential. */
function runHelper(
  name: string,
  action: Action,
  input: string,
  { env = process.env, timeout = 60_000, signal }: HelperOptions,
): Promise<string | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw failed(name, action, 'this is not a valid helper name');
  // Most processes start no helper, and do without this module.
  const { execFile } = process.getBuiltinModule('node:child_process');
  return new Promise((resolve, reject) => {
    const child = execFile(
      `docker-credential-${name}`,
      [action],
      { env, timeout, signal, maxBuffer: maxOutput, windowsHide: true, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        clearTimeout(late);
        if (error === null) resolve(stdout);
        else if (signal?.aborted === true) reject(signal.reason);
        // A helper reports failures on standard output. This message is the only one that is not a failure.
        else if (/credentials not found/i.test(stdout)) resolve(undefined);
        else reject(failed(name, action, reasonOf(error, { action, stdout, stderr }), missingOnly(error)));
      },
    );
    // A process that the helper started may keep its output open. The answer is complete when the helper itself has
    // ended.
    let late: NodeJS.Timeout | undefined;
    child.once('exit', () => {
      late = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, heldOpen);
    });
    // A helper may ignore its input. Its answer decides.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Keeps the only cause that callers look for. Other causes may contain the input of the helper. */
function missingOnly(error: Error & { readonly code?: unknown }): Error | undefined {
  return error.code === 'ENOENT' ? error : undefined;
}

function reasonOf(
  error: Error & { readonly code?: unknown; readonly killed?: boolean },
  { action, stdout, stderr }: { readonly action: Action; readonly stdout: string; readonly stderr: string },
): string {
  if (error.code === 'ENOENT') {
    return 'it is not in PATH; install it, or remove it from credsStore and credHelpers in the config file';
  }
  if (error.code === 'EACCES') return 'gantry may not run it; make it executable';
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER')
    return `its answer is larger than ${maxOutput} bytes`;
  if (error.killed === true)
    return 'it did not answer in time; it may wait for the user to unlock a keychain';
  const said = (stdout.trim() || stderr.trim()).replace(/\s+/g, ' ');
  // A failing helper may print a credential or its input. Only plain words are shown, and nothing when the output may
  // contain a secret.
  const isUnfit = said === '' || action === 'store' || /^\[|\{|secret/i.test(said);
  return isUnfit ? `it failed with exit code ${String(error.code)}` : said.slice(0, 200);
}

function failed(name: string, action: string, why: string, cause?: Error): AuthError {
  return new AuthError('HELPER_FAILED', `docker-credential-${name} ${action}: ${why}`, { cause });
}
