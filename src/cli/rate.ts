import { InputError } from '../errors.ts';

const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };
/** Bytes per second. With fewer, a limited transfer would look like a silent one. */
const least = 1024;

/**
 * Parses `10M`, `1.5M`, `500k` or a number of bytes into bytes per second. K, M and G are powers of 1024.
 * @throws INVALID_OPTION for any other text, and for less than 1K
 */
export function parseRate(text: string, option: string): number {
  const parts = /^(\d{1,12}(?:\.\d{1,6})?)([kmg]?)$/i.exec(text);
  const unit = units[parts?.[2]?.toUpperCase() ?? 'none'];
  if (parts === null || unit === undefined) {
    throw new InputError(
      'INVALID_OPTION',
      `--${option} takes bytes per second such as 10M, 1.5M or 500K (K is 1024), not "${text}"`,
    );
  }
  const rate = Number(parts[1]) * unit;
  if (rate < least) {
    const advice = 'leave it out for no limit';
    throw new InputError(
      'INVALID_OPTION',
      `--${option} takes at least 1K per second, not "${text}"; ${advice}`,
    );
  }
  return rate;
}
