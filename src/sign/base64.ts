import { Buffer } from 'node:buffer';
import { type Field, readString, refusal } from '../json/field.ts';

/**
 * Decodes base64 in either alphabet, with padding or without, as the JSON of protobuf takes it. Refuses white space, a mix of
 * the alphabets and left-over bits, so that two texts of one length never mean the same bytes. Returns undefined for others.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const [body = '', padding = ''] = text.split(/(={1,2})$/);
  if (!/^(?:[A-Za-z0-9+/]*|[\w-]*)$/.test(body)) return undefined;
  if (padding !== '' && (body.length + padding.length) % 4 !== 0) return undefined;
  const bytes = Buffer.from(body, 'base64');
  return bytes.toString('base64url') === body.replaceAll('+', '-').replaceAll('/', '_') ? bytes : undefined;
}

/** Reads a member of a document that holds bytes. */
export function readBytes(field: Field): Buffer {
  const bytes = decodeBase64(readString(field));
  if (bytes === undefined) throw refusal(field, 'is not base64');
  return bytes;
}
