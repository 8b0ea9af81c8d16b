import { InputError } from '../errors.ts';
import type { AdmitImage } from '../sign/admit.ts';
import { readNamed } from './key-files.ts';
import type { ParsedArgs } from './parsed-args.ts';

/**
 * Returns the decision of --verify-key or --policy; undefined without them.
 * @throws INVALID_OPTION when both are given, or the policy cannot be read
 */
export async function givenAdmission(given: ParsedArgs): Promise<AdmitImage | undefined> {
  const keys = given.values('verify-key');
  const path = given.text('policy');
  const bundles = given.flag('policy-bundles');
  if (keys.length > 0 && path !== undefined) {
    throw new InputError(
      'INVALID_OPTION',
      '--verify-key and --policy exclude each other: name the keys in the policy',
    );
  }
  if (bundles && path === undefined)
    throw new InputError('INVALID_OPTION', '--policy-bundles needs --policy');
  if (keys.length > 0) {
    const { admitSigned } = await import('../sign/admit.ts');
    const { parsePublicKey } = await import('../sign/public-key.ts');
    const { ofOption } = await import('./of-option.ts');
    const texts = await Promise.all(
      keys.map(async (key) => (await readNamed('verify-key', key)).toString('utf8')),
    );
    // Reads the keys before the first request.
    const read = await Promise.resolve(texts)
      .then((all) => all.map(parsePublicKey))
      .catch(ofOption('verify-key'));
    return admitSigned({ keys: read });
  }
  if (path === undefined) return undefined;
  const { admitByPolicy } = await import('../sign/admit.ts');
  const { readPolicy } = await import('../sign/policy/policy.ts');
  const { ofOption } = await import('./of-option.ts');
  const policy = readPolicy(await readNamed('policy', path), (file) => readNamed('policy', file), {
    bundles,
  });
  return admitByPolicy(await policy.catch(ofOption('policy')));
}
