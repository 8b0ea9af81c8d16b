import type { SignalOptions } from '../store/contract.ts';
import type { HttpRequest } from '../wire/message.ts';

/** The request's signal as the store takes it. */
export function signalOf({ signal }: HttpRequest): SignalOptions {
  return signal === undefined ? {} : { signal };
}
