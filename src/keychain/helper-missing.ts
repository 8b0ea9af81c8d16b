import { isGantryError } from '../errors.ts';

/** Returns whether the error comes from a helper that is not installed. */
export function isHelperMissing(error: unknown): boolean {
  if (!isGantryError(error, 'HELPER_FAILED')) return false;
  const { cause } = error;
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ENOENT';
}
