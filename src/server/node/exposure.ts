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
    `whoever reaches ${host} could do everything: give the registry a login, or say with anonymous that this is meant`,
  );
}
