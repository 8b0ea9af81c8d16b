import { expectFormat } from './damage.ts';

/** In bytes: the largest window that a frame may need, as in zstd itself by default. */
const mostWindow = 2 ** 27;

const magic = 0xfd2fb528;
/** The first of sixteen. */
const skippable = 0x184d2a50;

/**
 * Tells by the first four bytes of a frame whether it has no content.
 * @throws ZstdDamage when they are the beginning of no frame
 */
export function isSkippable(head: Uint8Array): boolean {
  expectFormat(head.byteLength === 4, 'the stream is cut off');
  const kind = littleEndian(head);
  const isWithout = kind >= skippable && kind < skippable + 16;
  expectFormat(isWithout || kind === magic, 'a frame begins with unknown bytes');
  return isWithout;
}

/** The header of a frame. */
export interface FrameHeader {
  /** In bytes: how far back the content refers to itself. */
  readonly window: number;
  /** The size of the content, if the header has it. */
  readonly size: number | undefined;
  readonly hasChecksum: boolean;
}

const dictionaryLengths = [0, 1, 2, 4];
const sizeLengths = [0, 2, 4, 8];

/** Returns the length of a header, from its first byte. */
export function headerLength(flags: number): number {
  const isSingle = (flags & 32) !== 0;
  return 1 + (isSingle ? 0 : 1) + (dictionaryLengths[flags & 3] ?? 0) + sizeLength(flags);
}

function sizeLength(flags: number): number {
  return sizeLengths[flags >> 6] || ((flags & 32) === 0 ? 0 : 1);
}

/**
 * Reads a header.
 * @see https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1.1
 */
export function headerOf(bytes: Uint8Array): FrameHeader {
  const flags = bytes[0] ?? 0;
  expectFormat((flags & 8) === 0, 'a frame uses a reserved bit');
  const isSingle = (flags & 32) !== 0;
  const length = sizeLength(flags);
  const sizeAt = bytes.byteLength - length;
  const dictionary = littleEndian(bytes.subarray(isSingle ? 1 : 2, sizeAt));
  expectFormat(dictionary === 0, 'a frame needs a dictionary');
  const size = littleEndian(bytes.subarray(sizeAt)) + (length === 2 ? 256 : 0);
  const descriptor = bytes[1] ?? 0;
  const base = 2 ** (10 + (descriptor >> 3));
  const window = isSingle ? size : base + (base / 8) * (descriptor & 7);
  expectFormat(window <= mostWindow, `a frame needs a window of ${window} bytes, more than ${mostWindow}`);
  return { window, size: length === 0 ? undefined : size, hasChecksum: (flags & 4) !== 0 };
}

/** Reads a number of any length, the lowest byte first. */
export function littleEndian(bytes: Uint8Array): number {
  let number = 0;
  for (let at = bytes.byteLength - 1; at >= 0; at--) number = number * 256 + (bytes[at] ?? 0);
  return number;
}
