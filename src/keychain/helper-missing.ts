import { isGantryError } from '../errors.ts';

/** Whether this is the failure of a helper that isn't installed: what it would have known, it could not say. */
export function isHelperMissing(error: unknown): boolean {
  if (!isGantryError(error, 'HELPER_FAILED')) return false;
  const { cause } = error;
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === 'ENOENT';
}
