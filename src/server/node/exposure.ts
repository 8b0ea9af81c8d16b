import { InputError } from '../../errors.ts';
import { isLoopback } from '../../spec/reference.ts';

/** Whether only this machine can reach what listens on the host. */
export function isLoopbackHost(host: string): boolean {
  return isLoopback(host.includes(':') ? `[${host}]` : host.toLowerCase());
}

/** Throws INVALID_OPTION where everybody in the network could do everything and nobody said that it is meant. */
export function checkExposure(host: string, meant: boolean): void {
  if (meant || isLoopbackHost(host)) return;
  throw new InputError(
    'INVALID_OPTION',
    `whoever reaches ${host} could do everything: give the registry a login, or say with anonymous that this is meant`,
  );
}
