import { InputError } from '../../errors.ts';
import type { Credential } from '../../keychain/credential.ts';
import { createKeychain } from '../../keychain/keychain.ts';
import type { Context } from '../context.ts';
import { Failed } from '../exit.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { registryArgument } from '../registry-argument.ts';
import { readStdin } from '../stdin.ts';

/** `gantry auth get REGISTRY`: implements the protocol of docker's credential helpers, so it always prints JSON. */
export async function authGet(context: Context, given: ParsedArgs): Promise<void> {
  const text = given.arguments[0] ?? (await readStdin(context.signal));
  if (text === '') {
    throw new InputError('INVALID_OPTION', 'auth get needs REGISTRY, as an argument or on stdin');
  }
  const { registry } = registryArgument(text);
  const credential = await createKeychain()(registry, undefined, { signal: context.signal });
  if (credential === undefined) {
    // Docker distinguishes absence from failure by exactly these words on stdout.
    await context.output.line('credentials not found in native keychain');
    throw new Failed();
  }
  await context.output.line(JSON.stringify(answer(credential)));
}

/** Uses the names of docker's helpers for a token. */
function answer(credential: Credential): { readonly Username: string; readonly Secret: string } {
  return credential.kind === 'basic'
    ? { Username: credential.username, Secret: credential.password }
    : { Username: '<token>', Secret: credential.token };
}
