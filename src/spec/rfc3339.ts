import { InputError } from '../errors.ts';

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/**
 * Checks a time in the form of RFC 3339.
 * @throws INVALID_OPTION for any other text
 */
export function checkTime(created: string): void {
  if (rfc3339.test(created) && !Number.isNaN(Date.parse(created))) return;
  throw new InputError(
    'INVALID_OPTION',
    `"${created.slice(0, 100)}" is not a time: write 2026-01-31T12:00:00Z`,
  );
}
