import { InputError } from '../../errors.ts';
import { isLoopback } from '../../spec/reference.ts';

/** Returns whether only this machine can reach a listener on the host. */
export function isLoopbackHost(host: string): boolean {
  return isLoopback(host.includes(':') ? `[${host}]` : host.toLowerCase());
}

/** Throws INVALID_OPTION when the whole network could do everything and the caller has not confirmed it. */
export function checkExposure(host: string, meant: boolean): void {
  if (meant || isLoopbackHost(host)) return;
  throw new InputError(
    'INVALID_OPTION',
    `a registry on ${host} without a login gives everybody full access: set a login, or anonymous to allow this`,
  );
}
