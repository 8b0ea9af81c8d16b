import { InputError } from '../../errors.ts';
import { namedCredential } from '../../keychain/docker-config.ts';
import { storeCredential } from '../../keychain/store.ts';
import type { Context } from '../context.ts';
import type { Given } from '../given.ts';
import { registryArgument } from '../registry-argument.ts';
import { readStdin } from '../stdin.ts';

/** `gantry auth login REGISTRY`: the registry is not asked, as with crane. */
export async function authLogin(context: Context, given: Given): Promise<void> {
  const registry = registryArgument(given.arguments[0]);
  const username = given.text('username') ?? '';
  const fromStdin = given.flag('password-stdin');
  if (fromStdin && given.text('password') !== undefined) {
    throw new InputError('INVALID_OPTION', '--password and --password-stdin exclude each other');
  }
  const password = fromStdin ? await readStdin(context.signal) : (given.text('password') ?? '');
  const credential = namedCredential(username, password);
  if (credential === undefined) {
    throw new InputError('INVALID_OPTION', 'auth login needs --username and --password or --password-stdin');
  }
  const outcome = await storeCredential(registry, credential);
  const where =
    outcome.helper === undefined ? `${outcome.path}, unencrypted` : `the helper ${outcome.helper}`;
  context.output.note(`logged in to ${registry} via ${where}`);
  await context.result({ registry, ...outcome });
}
