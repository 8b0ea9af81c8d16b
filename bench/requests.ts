/** The first line of a request. */
export interface RequestLine {
  readonly method: string;
  readonly url: string;
}

type Part = 'head' | 'body' | 'size' | 'chunk' | 'trailer';

/** The end of each part that is text. */
const ends: Readonly<Record<Exclude<Part, 'body' | 'chunk'>, string>> = {
  head: '\r\n\r\n',
  size: '\r\n',
  trailer: '\r\n',
};

/** Reads the bytes that a client sends on one connection. Reports each request when its head is complete. */
export function requestReader(onRequest: (line: RequestLine) => void): (bytes: Buffer) => void {
  let part: Part = 'head';
  /** Text without an end yet. */
  let begun = '';
  /** The bytes of a body, or of one chunk, that are still missing. */
  let left = 0;

  const read = (kind: 'head' | 'size' | 'trailer', text: string): void => {
    if (kind === 'size') {
      const size = Number.parseInt(text, 16);
      part = size === 0 ? 'trailer' : 'chunk';
      left = size + 2;
    } else if (kind === 'trailer') {
      if (text === '') part = 'head';
    } else {
      const [method = '', url = ''] = text.split(' ', 2);
      left = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
      part = /\r\ntransfer-encoding:.*chunked/i.test(text) ? 'size' : left > 0 ? 'body' : 'head';
      onRequest({ method, url });
    }
  };

  return (bytes) => {
    for (let at = 0; at < bytes.length; ) {
      if (part === 'body' || part === 'chunk') {
        const taken = Math.min(left, bytes.length - at);
        at += taken;
        left -= taken;
        if (left === 0) part = part === 'body' ? 'head' : 'size';
        continue;
      }
      const before = begun.length;
      begun += bytes.toString('latin1', at);
      const end = begun.indexOf(ends[part]);
      if (end === -1) return;
      at += end + ends[part].length - before;
      const text = begun.slice(0, end);
      begun = '';
      read(part, text);
    }
  };
}
