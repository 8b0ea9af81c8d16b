const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
/** A byte that is no UTF-8 becomes this code unit plus the byte, as in Python (PEP 383). No valid text has it alone. */
const rawBase = 0xdc00;
/** With the flag `u`, a surrogate of a pair does not match. */
const rawBytes = /[\udc80-\udcff]/gu;
const rawByte = /[\udc80-\udcff]/u;

/**
 * Reads a text of a tar, which may be any bytes. A byte that is no UTF-8 becomes a lone surrogate, from U+DC80 to U+DCFF,
 * so that `encodeText` returns the same bytes.
 * @see https://peps.python.org/pep-0383/
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return escaped(bytes);
  }
}

/** Returns the bytes of a text from `decodeText`. */
export function encodeText(text: string): Uint8Array {
  if (!hasRawBytes(text)) return encoder.encode(text);
  // Each code unit takes at most 3 bytes.
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  let begin = 0;
  for (const { index } of text.matchAll(rawBytes)) {
    length += encoder.encodeInto(text.slice(begin, index), bytes.subarray(length)).written;
    bytes[length++] = text.charCodeAt(index) - rawBase;
    begin = index + 1;
  }
  length += encoder.encodeInto(text.slice(begin), bytes.subarray(length)).written;
  return bytes.slice(0, length);
}

/** Whether a text stands for bytes that are no UTF-8. */
export function hasRawBytes(text: string): boolean {
  return rawByte.test(text);
}

function escaped(bytes: Uint8Array): string {
  let text = '';
  let begin = 0;
  for (let at = 0; at < bytes.byteLength; ) {
    const length = lengthAt(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    text += `${strict.decode(bytes.subarray(begin, at))}${String.fromCharCode(rawBase + (bytes[at] ?? 0))}`;
    begin = ++at;
  }
  return text + strict.decode(bytes.subarray(begin));
}

/**
 * Returns the length of the UTF-8 sequence at a position; 0 if there is none.
 * @see https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/#G27506 (table 3-7)
 */
function lengthAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (let next = 1; next < length; next++) {
    const byte = bytes[at + next] ?? 0;
    const [least, most] = next === 1 ? secondOf(lead) : [0x80, 0xbf];
    if (byte < least || byte > most) return 0;
  }
  return length;
}

/** The range of the second byte, without overlong forms, surrogates, and code points beyond the last. */
function secondOf(lead: number): readonly [least: number, most: number] {
  switch (lead) {
    case 0xe0:
      return [0xa0, 0xbf];
    case 0xed:
      return [0x80, 0x9f];
    case 0xf0:
      return [0x90, 0xbf];
    case 0xf4:
      return [0x80, 0x8f];
    default:
      return [0x80, 0xbf];
  }
}
