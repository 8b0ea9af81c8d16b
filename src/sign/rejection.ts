import { isGantryError } from '../errors.ts';

/** The reason why one signature does not count. It ends the check of that signature only. */
export class Rejection extends Error {}

/** Returns the reason if the error is about the content of one signature; undefined if it is about the place. */
export function rejectionOf(error: unknown): string | undefined {
  if (error instanceof Rejection) return error.message;
  if (!isGantryError(error)) return undefined;
  return error.name === 'ContentError' || error.name === 'NotFoundError' ? error.message : undefined;
}
