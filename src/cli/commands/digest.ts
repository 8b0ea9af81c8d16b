import type { Place } from '../../client/place.ts';
import { InputError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { fullDigest } from '../full-name.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry digest IMAGE` or `gantry digest --tarball FILE` */
export async function digest(context: Context, given: ParsedArgs): Promise<void> {
  const [image] = given.arguments;
  const tarball = given.text('tarball');
  const whole = given.flag('full-ref');
  if (tarball !== undefined && (image !== undefined || whole)) {
    throw new InputError('INVALID_OPTION', '--tarball excludes IMAGE and --full-ref');
  }
  if (tarball === undefined && image === undefined) {
    throw new InputError('INVALID_OPTION', 'digest needs IMAGE or --tarball');
  }
  const reference = image ?? tarball ?? '';
  const subject: string | Place =
    tarball === undefined ? reference : { kind: 'docker-archive', path: tarball };
  const options = { ...(await context.platform()), signal: context.signal };
  const client = await context.client();
  const descriptor = await client.getDescriptor(subject, options);
  const text = whole ? fullDigest(reference, descriptor.digest) : descriptor.digest;
  await context.result({ reference, ...descriptor }, text);
}
