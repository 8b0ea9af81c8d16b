import { InputError } from '../errors.ts';

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Parses `90s`, `30m`, `24h`, `7d` or bare seconds into milliseconds.
 * @throws INVALID_OPTION for any other text
 */
export function parseDuration(text: string, option: string): number {
  const parts = /^(\d{1,9})(ms|s|m|h|d)?$/.exec(text);
  const unit = units[parts?.[2] ?? 's'];
  if (parts === null || unit === undefined) {
    throw new InputError(
      'INVALID_OPTION',
      `--${option} takes a time such as 90s, 30m, 24h or 7d, not "${text}"`,
    );
  }
  return Number(parts[1]) * unit;
}
