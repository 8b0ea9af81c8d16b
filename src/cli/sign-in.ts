import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { InputError } from '../errors.ts';
import type { Credential, Keychain } from '../keychain/credential.ts';
import { namedCredential } from '../keychain/docker-config.ts';
import { createKeychain } from '../keychain/keychain.ts';
import type { Output } from './output.ts';
import type { ParsedArgs } from './parsed-args.ts';
import { askUser, findTerminal } from './prompt.ts';
import { readStdin } from './stdin.ts';

export interface SignInOptions {
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** The prefix of the flags of a login: empty, or the side of a copy. */
export type SignInSide = '' | 'src-' | 'dest-';

const questions: Readonly<Record<SignInSide, string>> = {
  '': 'password: ',
  'src-': 'password at the source: ',
  'dest-': 'password at the destination: ',
};

/**
 * Reads a credential from flags: `--username` with `--password-stdin` or a question on the terminal, or `--src-creds`.
 * Returns undefined without these flags.
 * @throws INVALID_OPTION for an incomplete credential
 */
export async function readSignIn(
  given: ParsedArgs,
  side: SignInSide,
  { output, signal }: SignInOptions,
): Promise<Credential | undefined> {
  const creds = given.text(`${side}creds`);
  const fromStdin = given.flag(`${side}password-stdin`);
  const [, named = creds, secret] = /^([^:]*):(.*)$/s.exec(creds ?? '') ?? [];
  const username = given.text(`${side}username`) ?? named;
  if (username === undefined && !fromStdin) return undefined;
  if (!username)
    throw refused(`a login needs a user name: --${side}${creds === undefined ? 'username' : 'creds'}`);
  if (creds !== undefined && given.text(`${side}username`) !== undefined) {
    throw refused(`--${side}creds and --${side}username exclude each other`);
  }
  if (secret !== undefined && fromStdin) {
    throw refused(`--${side}creds already has a password: omit --${side}password-stdin`);
  }
  if (secret !== undefined) hideArguments(`--${side}creds`, output);
  const flag = `--${side}username`;
  const question = questions[side];
  const password = secret ?? (await readPassword({ flag, fromStdin, question, signal }));
  return credentialOf(username, password);
}

export interface PasswordOptions {
  /** The flag that needs a password. */
  readonly flag: string;
  readonly fromStdin: boolean;
  readonly question?: string | undefined;
  readonly signal: AbortSignal;
}

/**
 * Reads a password from the terminal, or from stdin if there is none.
 * @throws INVALID_OPTION without a terminal when no flag allows stdin
 */
export async function readPassword(options: PasswordOptions): Promise<string> {
  const { flag, fromStdin, question = 'password: ', signal } = options;
  const terminal = findTerminal();
  if (terminal !== undefined) return await askUser(terminal, question, { hidden: true, signal });
  if (fromStdin) return await readStdin(signal);
  throw refused(`${flag} needs ${flag.replace('username', 'password-stdin')} without a terminal`);
}

/**
 * Makes a credential.
 * @throws INVALID_OPTION when a part is empty, or the name contains a colon, after which the rest would count as the
 * password
 */
export function credentialOf(username: string, password: string): Credential {
  const credential = username === '' || password === '' ? undefined : namedCredential(username, password);
  if (credential === undefined) throw refused('a login needs a user name and a password');
  if (username.includes(':')) throw refused('a user name cannot contain a colon');
  return credential;
}

/**
 * Hides a password among the arguments. Every user of the machine can read the arguments of a process; from inside,
 * gantry can only overwrite them.
 */
export function hideArguments(flag: string, output: Output): void {
  const title = 'gantry';
  process.title = title;
  // Bun keeps the arguments where they are.
  if (process.versions['bun'] !== undefined) overwriteArguments(title);
  output.note(
    `warning: other users can see the password in ${flag}, and the shell keeps it in its history`,
    'warning',
  );
}

/** Overwrites the arguments in the memory of this process, where Linux shows it as a file. */
function overwriteArguments(title: string): void {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    // The name of the program before them may contain spaces. These are the fields 48 and 49, `arg_start` and `arg_end`.
    const [start, end] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(45, 47)
      .map(Number);
    if (start === undefined || end === undefined || !(start > 0 && end > start)) return;
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      writeSync(memory, Buffer.from(title.padEnd(end - start, '\0'), 'latin1'), 0, end - start, start);
    } finally {
      closeSync(memory);
    }
  } catch {
    // The warning remains.
  }
}

/**
 * Makes a keychain with credentials for single registries or repositories. All other requests go to the machine's
 * keychain.
 */
export function keychainWith(
  signIns: readonly {
    readonly registry: string;
    readonly repository?: string;
    readonly credential: Credential;
  }[],
  others: Keychain = createKeychain(),
): Keychain {
  return async (registry, repository, options) => {
    const own = signIns.find(
      (signIn) =>
        signIn.registry === registry && (signIn.repository === undefined || signIn.repository === repository),
    );
    return own?.credential ?? (await others(registry, repository, options));
  };
}

/**
 * Makes the keychain of `--username`, which is for the only registry in the command line.
 * @throws INVALID_OPTION when it names several
 */
export async function signedIn(
  globals: ParsedArgs,
  named: () => Promise<readonly string[]>,
  options: SignInOptions,
): Promise<Keychain | undefined> {
  const credential = await readSignIn(globals, '', options);
  if (credential === undefined) return undefined;
  const [registry, another] = await named();
  if (registry === undefined) return undefined;
  if (another !== undefined) {
    throw refused(`--username is for one registry, not for ${registry} and ${another}`);
  }
  return keychainWith([{ registry, credential }]);
}

function refused(message: string): InputError {
  return new InputError('INVALID_OPTION', message);
}
