import { InputError } from '../../errors.ts';
import type { Credential } from '../../keychain/credential.ts';
import { storeCredential } from '../../keychain/store.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { askUser, findTerminal } from '../prompt.ts';
import { registryArgument } from '../registry-argument.ts';
import { credentialOf, hideArguments, readPassword } from '../sign-in.ts';

/** `gantry auth login REGISTRY`: stores only a credential that the registry accepts. */
export async function authLogin(context: Context, given: ParsedArgs): Promise<void> {
  const { registry, scheme } = registryArgument(given.arguments[0]);
  const credential = await readCredential(context, given);
  if (!given.flag('no-verify')) {
    const client = await context.client();
    const name = scheme === undefined ? registry : `${scheme}://${registry}`;
    const check = await client.checkLogin(name, credential, { signal: context.signal });
    if (check === 'unasked')
      context.output.note(`${registry} does not ask for credentials, so these were not checked`);
  }
  const outcome = await storeCredential(registry, credential, { signal: context.signal });
  const where =
    outcome.helper === undefined ? `${outcome.path}, unencrypted` : `the helper ${outcome.helper}`;
  context.output.note(`logged in to ${registry} via ${where}`);
  await context.result({ registry, ...outcome });
}

async function readCredential({ output, signal }: Context, given: ParsedArgs): Promise<Credential> {
  const fromStdin = given.flag('password-stdin');
  const inArguments = given.text('password');
  if (fromStdin && inArguments !== undefined) {
    throw new InputError('INVALID_OPTION', '--password and --password-stdin exclude each other');
  }
  if (inArguments !== undefined) hideArguments('--password', output);
  const username = given.text('username') ?? (await askUsername(fromStdin, signal));
  return credentialOf(
    username,
    inArguments ?? (await readPassword({ flag: '--username', fromStdin, signal })),
  );
}

async function askUsername(fromStdin: boolean, signal: AbortSignal): Promise<string> {
  const terminal = findTerminal();
  if (terminal !== undefined && !fromStdin) return await askUser(terminal, 'user name: ', { signal });
  throw new InputError('INVALID_OPTION', 'auth login needs --username and --password-stdin');
}
