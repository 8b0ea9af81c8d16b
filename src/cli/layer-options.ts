import type { AppendLayersOptions } from '../client/append.ts';
import { InputError } from '../errors.ts';
import type { Compression } from '../flow/compression.ts';
import { checkTime } from '../spec/rfc3339.ts';
import type { Option } from './command.ts';
import type { ParsedArgs } from './parsed-args.ts';

/** The options of commands that make layers. */
export const layerFlags: readonly Option[] = [
  {
    name: 'compression',
    value: 'FORM',
    summary:
      'compress plain tars and folders as gzip (default, level 1), gzip:1 to gzip:9, zstd, zstd:1 to zstd:22, or none',
  },
  { name: 'comment', value: 'TEXT', summary: 'a comment for the history' },
];

/** Reads the options of new layers. SOURCE_DATE_EPOCH gives the time in the history and of the files of a folder. */
export function layerOptions(
  given: ParsedArgs,
): Pick<AppendLayersOptions, 'compression' | 'level' | 'history' | 'mtime'> {
  const comment = given.text('comment');
  const mtime = sourceDate();
  const created = mtime === undefined ? undefined : timeOfSeconds(mtime);
  return {
    ...readCompression(given.text('compression')),
    mtime,
    history: { ...(created === undefined ? {} : { created }), ...(comment === undefined ? {} : { comment }) },
  };
}

/**
 * Reads the value of `--compression`.
 * @throws INVALID_OPTION for a form or a level that does not exist
 */
export function readCompression(text: string | undefined): {
  readonly compression?: Compression;
  readonly level?: number | undefined;
} {
  if (text === undefined) return {};
  const [, form, digits] = /^([a-z]+)(?::([1-9]\d?))?$/.exec(text) ?? [];
  const level = digits === undefined ? undefined : Number(digits);
  if (form === 'gzip' && (level ?? 1) <= 9) return { compression: form, level };
  if (form === 'zstd' && (level ?? 1) <= 22) return { compression: form, level };
  if (form === 'none' && level === undefined) return { compression: form };
  throw new InputError(
    'INVALID_OPTION',
    `--compression takes gzip, gzip:1 to gzip:9, zstd, zstd:1 to zstd:22, or none, not "${text.slice(0, 100)}"`,
  );
}

/**
 * Returns the time for reproducible builds, in seconds since 1970; undefined without the variable.
 * @throws INVALID_OPTION when it is no number
 * @see https://reproducible-builds.org/specs/source-date-epoch/
 */
export function sourceDate(): number | undefined {
  const text = process.env['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw new InputError('INVALID_OPTION', 'SOURCE_DATE_EPOCH is not a number of seconds since 1970');
}

/** Formats seconds since 1970 in the form of RFC 3339. */
export function timeOfSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

/** Reads a time; a number is seconds since 1970, as in SOURCE_DATE_EPOCH. */
export function timeOf(text: string): string {
  if (/^\d{1,11}$/.test(text)) return timeOfSeconds(Number(text));
  checkTime(text);
  return text;
}
