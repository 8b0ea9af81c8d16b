import { ContentError } from '../errors.ts';
import { decodeText, encodeText } from './text.ts';

const space = 0x20;
const newline = 0x0a;

/** The key of an extended attribute is this and its name. Its value may be any bytes. */
export const xattrPrefix = 'SCHILY.xattr.';

/** The beginning of the keys of Windows: security descriptors and attributes of files. */
export const windowsPrefix = 'MSWINDOWS.';

/**
 * Reads the records of an extended header: `length key=value\n`, where the length counts itself. Joins the pieces of a
 * sparse file in separate records into one `GNU.sparse.map`.
 * @throws MANIFEST_INVALID for a malformed record
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_03
 */
export function decodePax(bytes: Uint8Array, where: string): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  const places: string[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const gap = bytes.indexOf(space, at);
    const digits = decodeText(bytes.subarray(at, gap === -1 ? at : gap));
    const end = at + Number(digits);
    if (!/^[0-9]{1,10}$/.test(digits) || end > bytes.byteLength || bytes[end - 1] !== newline) {
      throw new ContentError('MANIFEST_INVALID', `${where}: a PAX record is malformed`);
    }
    const record = decodeText(bytes.subarray(gap + 1, end - 1));
    const equals = record.indexOf('=');
    const isAnyBytes = record.startsWith(xattrPrefix);
    if (equals < 1 || (record.includes('\0', equals) && !isAnyBytes)) {
      throw new ContentError('MANIFEST_INVALID', `${where}: a PAX record is malformed`);
    }
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    // The oldest sparse format repeats these two keys for each piece.
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') places.push(value);
    else records.set(key, value);
    at = end;
  }
  if (places.length > 0) records.set('GNU.sparse.map', places.join(','));
  return records;
}

export function encodePax(records: Iterable<readonly [string, string]>): Uint8Array {
  let text = '';
  for (const [key, value] of records) {
    const rest = ` ${key}=${value}\n`;
    const length = encodeText(rest).byteLength;
    let total = length + String(length).length;
    // The length counts its own digits, which may just have grown by one.
    if (length + String(total).length !== total) total++;
    text += `${total}${rest}`;
  }
  return encodeText(text);
}
