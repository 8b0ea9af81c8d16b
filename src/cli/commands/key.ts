import type { Context } from '../context.ts';
import { keyPassword, readNamed, writeKeys } from '../key-files.ts';
import type { ParsedArgs } from '../parsed-args.ts';

const usualPrefix = 'cosign';

/** `gantry key generate` */
export async function keyGenerate(context: Context, given: ParsedArgs): Promise<void> {
  const { generateKey } = await import('../../sign/signer.ts');
  const pair = await generateKey(await keyPassword(context, given, { isNew: true })());
  const paths = await writeKeys(given.text('output') ?? usualPrefix, pair);
  await context.result(paths, paths.privateKey, paths.publicKey);
}

/** `gantry key public KEY`: prints the public key in PEM. */
export async function keyPublic(context: Context, given: ParsedArgs): Promise<void> {
  const [path = ''] = given.arguments;
  const { publicKeyFor } = await import('../../sign/signer.ts');
  const text = (await readNamed('key', path)).toString('utf8');
  const { pem, kind, name } = await publicKeyFor(text, { password: keyPassword(context, given) });
  await context.result({ publicKey: pem, kind, hint: name }, ...pem.trimEnd().split('\n'));
}

/** `gantry key import KEY` */
export async function keyImport(context: Context, given: ParsedArgs): Promise<void> {
  const [path = ''] = given.arguments;
  const { importKey } = await import('../../sign/signer.ts');
  const text = (await readNamed('key', path)).toString('utf8');
  const newPassword = await keyPassword(context, given, { isNew: true })();
  const pair = await importKey(text, { password: newPassword, newPassword });
  const paths = await writeKeys(given.text('output') ?? usualPrefix, pair);
  await context.result(paths, paths.privateKey, paths.publicKey);
}
