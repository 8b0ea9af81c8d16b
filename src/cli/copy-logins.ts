import { parsePlace } from '../client/place.ts';
import { InputError } from '../errors.ts';
import type { Credential, Keychain } from '../keychain/credential.ts';
import { formatRepository } from '../spec/reference.ts';
import type { ParsedArgs } from './parsed-args.ts';
import { keychainWith, readSignIn, type SignInOptions, type SignInSide } from './sign-in.ts';

interface Side {
  readonly registry: string;
  readonly repository: string;
  readonly credential: Credential;
}

/**
 * Makes the keychain of `--src-username`, `--dest-username` and the related flags; undefined without them. It selects
 * by repository, since both sides may be in one registry.
 * @throws INVALID_OPTION for flags that contradict each other
 */
export async function copyKeychain(context: SignInOptions, given: ParsedArgs): Promise<Keychain | undefined> {
  const [source = '', destination = ''] = given.arguments;
  if (given.flag('src-password-stdin') && given.flag('dest-password-stdin')) {
    throw refused(
      '--src-password-stdin and --dest-password-stdin exclude each other: stdin holds only one password',
    );
  }
  const from = await readSide('src-', source, given, context);
  const to = await readSide('dest-', destination, given, context);
  const sides = [from, to].filter((side) => side !== undefined);
  if (from !== undefined && to !== undefined && formatRepository(from) === formatRepository(to)) {
    throw refused(`${formatRepository(from)} is both source and destination: give only one login for it`);
  }
  return sides.length === 0 ? undefined : keychainWith(sides);
}

async function readSide(
  side: SignInSide,
  text: string,
  given: ParsedArgs,
  context: SignInOptions,
): Promise<Side | undefined> {
  const credential = await readSignIn(given, side, context);
  if (credential === undefined) return undefined;
  const place = parsePlace(text);
  if (place.kind !== 'registry') throw refused(`${text} is not in a registry, so it takes no login`);
  const { registry, repository } = place.reference;
  return { registry, repository, credential };
}

function refused(message: string): InputError {
  return new InputError('INVALID_OPTION', message);
}
