import { eraseCredential } from '../../keychain/store.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { registryArgument } from '../registry-argument.ts';

/** `gantry auth logout REGISTRY` */
export async function authLogout(context: Context, given: ParsedArgs): Promise<void> {
  const { registry } = registryArgument(given.arguments[0]);
  const outcome = await eraseCredential(registry, { signal: context.signal });
  context.output.note(`logged out of ${registry} via ${outcome.helper ?? outcome.path}`);
  await context.result({ registry, ...outcome });
}
