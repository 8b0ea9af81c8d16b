import { MalformedAnswer } from '../failure.ts';

/** One step of decoding. */
export interface ChunkedStep {
  /** The next bytes of the body, within the memory that was given; empty if the step brought none. */
  readonly data: Uint8Array;
  /** The number of given bytes that the step used. */
  readonly used: number;
}

/** Decodes a body in the chunked transfer encoding, piece by piece and without copies. */
export interface ChunkedDecoder {
  /** Whether the end of the body has been reached. Later bytes do not belong to the body. */
  readonly isDone: boolean;
  /** Decodes up to the next piece of data. Throws MalformedAnswer. */
  decode(bytes: Uint8Array): ChunkedStep;
}

/** The size of a chunk with its extensions, and a line of the trailer. Bytes. */
const maxLine = 4096;
/** Bytes of the whole trailer, which gantry ignores. */
const maxTrailer = 64 * 1024;
const lf = 0x0a;
const nothing = new Uint8Array(0);

/** @see https://www.rfc-editor.org/rfc/rfc9112#section-7.1 */
export function createChunkedDecoder(): ChunkedDecoder {
  let state: 'size' | 'data' | 'after data' | 'trailer' | 'done' = 'size';
  let line = '';
  let left = 0;
  let trailer = 0;

  /** Adds bytes to the current line. Returns the number of used bytes; the line is complete when `ended` is true. */
  const read = (bytes: Uint8Array): { readonly used: number; readonly ended: boolean } => {
    const end = bytes.indexOf(lf);
    const used = end < 0 ? bytes.byteLength : end + 1;
    if (line.length + used > maxLine) throw new MalformedAnswer('a line between its chunks is too long');
    line += String.fromCharCode(...bytes.subarray(0, used));
    if (end < 0) return { used, ended: false };
    if (!line.endsWith('\r\n')) throw new MalformedAnswer('a line between its chunks has a bare line feed');
    return { used, ended: true };
  };
  /** Continues after a complete line. */
  const next = (): void => {
    const text = line.slice(0, -2);
    line = '';
    if (state === 'size') {
      const [, size] = /^([0-9a-f]{1,13})[ \t]*(?:;.*)?$/i.exec(text) ?? [];
      if (size === undefined) throw new MalformedAnswer('the size of a chunk is not a number');
      left = Number.parseInt(size, 16);
      state = left === 0 ? 'trailer' : 'data';
    } else if (state === 'after data') {
      if (text !== '') throw new MalformedAnswer('a chunk is longer than its size');
      state = 'size';
    } else if (text === '') {
      state = 'done';
    } else {
      trailer += text.length;
      if (trailer > maxTrailer) throw new MalformedAnswer('its trailer is too long');
    }
  };

  return {
    get isDone() {
      return state === 'done';
    },
    decode(bytes) {
      let used = 0;
      while (used < bytes.byteLength && state !== 'done') {
        if (state === 'data') {
          const data = bytes.subarray(used, used + left);
          left -= data.byteLength;
          if (left === 0) state = 'after data';
          return { data, used: used + data.byteLength };
        }
        const part = read(bytes.subarray(used));
        used += part.used;
        if (part.ended) next();
      }
      return { data: nothing, used };
    },
  };
}
