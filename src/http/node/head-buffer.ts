import { MalformedAnswer } from '../failure.ts';

/** A complete head, and the bytes that came after it. */
export interface CompleteHead {
  /** In Latin-1, without the empty line at its end. */
  readonly text: string;
  readonly rest: Uint8Array;
}

/** The front ends of Google and AWS send signed addresses and tokens of more than Node's 16 KiB. */
const maxHead = 128 * 1024;
const ending = [0x0d, 0x0a, 0x0d, 0x0a] as const;

/** Collects the head of an answer, which may arrive in pieces of any size. */
export interface HeadBuffer {
  /** Adds bytes. Returns the head when it is complete. Throws MalformedAnswer. */
  add(bytes: Uint8Array): CompleteHead | undefined;
  /** Whether a part of a head has arrived. */
  readonly hasPart: boolean;
}

const nothing = new Uint8Array(0);

export function createHeadBuffer(): HeadBuffer {
  let collected = nothing;
  let length = 0;

  const keep = (bytes: Uint8Array): Uint8Array => {
    if (length + bytes.byteLength > collected.byteLength) {
      const larger = new Uint8Array(Math.max(1024, 2 * (length + bytes.byteLength)));
      larger.set(collected.subarray(0, length));
      collected = larger;
    }
    collected.set(bytes, length);
    length += bytes.byteLength;
    return collected.subarray(0, length);
  };

  return {
    get hasPart() {
      return length > 0;
    },
    add(bytes) {
      const from = Math.max(0, length - 3);
      const all = length === 0 ? bytes : keep(bytes);
      checkStart(all);
      const end = endOf(all, from);
      if (end > maxHead || (end < 0 && all.byteLength > maxHead)) {
        throw new MalformedAnswer(`the head of its answer is longer than ${maxHead} bytes`);
      }
      if (end < 0) {
        if (length === 0) keep(bytes);
        return undefined;
      }
      length = 0;
      // The rest may lie in this memory.
      collected = nothing;
      return { text: latin1(all, end), rest: all.subarray(end + ending.length) };
    },
  };
}

function latin1({ buffer, byteOffset }: Uint8Array, length: number): string {
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}

/** A server that speaks another protocol is found out at its first bytes, because it may never end a head. */
function checkStart(bytes: Uint8Array): void {
  const start = 'HTTP/1.';
  for (let at = 0; at < Math.min(start.length, bytes.byteLength); at++) {
    if (bytes[at] !== start.charCodeAt(at)) throw new MalformedAnswer('its answer is not one of HTTP/1.1');
  }
}

/** Returns the position of the empty line, searched from `from`; -1 if it has not arrived. */
function endOf(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(ending[0], from); at >= 0; at = bytes.indexOf(ending[0], at + 1)) {
    if (bytes[at + 1] === ending[1] && bytes[at + 2] === ending[2] && bytes[at + 3] === ending[3]) return at;
  }
  return -1;
}
