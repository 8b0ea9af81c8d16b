import { ContentError } from '../errors.ts';
import type { TarBlock } from './header.ts';
import { windowsPrefix, xattrPrefix } from './pax.ts';
import { encodeText } from './text.ts';

/** Facts about an entry of a tar beside its name, type and body. */
export interface TarMetadata {
  /** The permission bits, with those for setuid, setgid and sticky. */
  readonly mode: number;
  /** Whole seconds since 1970; negative for a time before. */
  readonly mtime: number;
  /** The rest of the time, from 0 to 999,999,999. */
  readonly nanoseconds: number;
  /** The id of the owner. */
  readonly uid: number;
  /** The id of the group. */
  readonly gid: number;
  /** The name of the owner; empty if the tar has none. */
  readonly uname: string;
  /** The name of the group; empty if the tar has none. */
  readonly gname: string;
  /** The extended attributes by name. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined;
  /** The records of Windows by key, such as `MSWINDOWS.rawsd`. */
  readonly windows?: ReadonlyMap<string, string> | undefined;
}

/**
 * Returns the metadata in a header block and the records ahead of it.
 * @throws MANIFEST_INVALID when a record is no number or time
 */
export function metadataOf(
  block: TarBlock,
  records: ReadonlyMap<string, string>,
  where: string,
): TarMetadata {
  const { uid = 0, gid = 0, uname = '', gname = '' } = block;
  // Old tars have the type of the file in the higher bits.
  const mode = block.mode & 0o7777;
  if (records.size === 0) return { mode, mtime: block.mtime, nanoseconds: 0, uid, gid, uname, gname };
  return {
    mode,
    ...timeOf(records.get('mtime'), block.mtime, where),
    uid: numberOf(records, 'uid', where) ?? uid,
    gid: numberOf(records, 'gid', where) ?? gid,
    uname: records.get('uname') || uname,
    gname: records.get('gname') || gname,
    xattrs: xattrsOf(records),
    windows: windowsOf(records),
  };
}

/**
 * Returns the number of a record; undefined if there is none.
 * @throws MANIFEST_INVALID when it is no number
 */
export function numberOf(
  records: ReadonlyMap<string, string>,
  key: string,
  where: string,
): number | undefined {
  const record = records.get(key);
  if (record === undefined || record === '') return undefined;
  if (/^[0-9]{1,16}$/.test(record) && Number.isSafeInteger(Number(record))) return Number(record);
  throw new ContentError('MANIFEST_INVALID', `${where}: a PAX ${key} is not a number`);
}

type Time = Pick<TarMetadata, 'mtime' | 'nanoseconds'>;

function timeOf(record: string | undefined, seconds: number, where: string): Time {
  if (record === undefined || record === '') return { mtime: seconds, nanoseconds: 0 };
  const [, sign, whole, rest = ''] = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(record) ?? [];
  if (whole === undefined) {
    throw new ContentError('MANIFEST_INVALID', `${where}: a PAX mtime is not a time`);
  }
  const nanoseconds = Number(rest.slice(0, 9).padEnd(9, '0'));
  if (sign !== '-') return { mtime: Number(whole), nanoseconds };
  // Counts the rest upward from the second before.
  if (nanoseconds === 0) return { mtime: 0 - Number(whole), nanoseconds };
  return { mtime: -1 - Number(whole), nanoseconds: 10 ** 9 - nanoseconds };
}

/** Writes a time as a PAX record does: `timeOf` reads it. */
export function formatTime({ mtime, nanoseconds }: Time): string {
  const isBefore = mtime < 0 && nanoseconds > 0;
  const seconds = isBefore ? `-${-1 - mtime}` : String(mtime);
  const rest = isBefore ? 10 ** 9 - nanoseconds : nanoseconds;
  let digits = rest === 0 ? '' : String(rest).padStart(9, '0');
  while (digits.endsWith('0')) digits = digits.slice(0, -1);
  return digits === '' ? seconds : `${seconds}.${digits}`;
}

function xattrsOf(records: ReadonlyMap<string, string>): ReadonlyMap<string, Uint8Array> | undefined {
  const xattrs = new Map<string, Uint8Array>();
  for (const [key, value] of records) {
    if (key.startsWith(xattrPrefix)) xattrs.set(key.slice(xattrPrefix.length), encodeText(value));
  }
  return xattrs.size === 0 ? undefined : xattrs;
}

function windowsOf(records: ReadonlyMap<string, string>): ReadonlyMap<string, string> | undefined {
  const found = [...records].filter(([key]) => key.startsWith(windowsPrefix));
  return found.length === 0 ? undefined : new Map(found);
}
