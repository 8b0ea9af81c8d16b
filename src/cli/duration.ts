import { InputError } from '../errors.ts';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses `90s`, `30m`, `24h`, `7d` or `0` into milliseconds. Other numbers need a unit: `24` could mean seconds or hours.
 * @throws INVALID_OPTION for any other text
 */
export function parseDuration(text: string, option: string): number {
  const [, digits = '', name = ''] = /^(\d{1,9})(ms|s|m|h|d)?$/.exec(text) ?? [];
  const number = Number(digits);
  const unit = name === '' && number === 0 ? 1 : units[name];
  if (digits !== '' && unit !== undefined) return number * unit;
  const lacks = digits === '' ? '' : ', which has no unit';
  throw new InputError(
    'INVALID_OPTION',
    `--${option} takes a time such as 90s, 30m, 24h or 7d, not "${text}"${lacks}`,
  );
}
