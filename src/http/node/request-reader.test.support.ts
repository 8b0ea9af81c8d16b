import type { Socket } from 'node:net';

export interface RequestSeen {
  readonly method: string;
  readonly path: string;
  /** The head, with its request line. */
  readonly head: string;
  /** The decoded body. */
  readonly body: Uint8Array;
}

/** Reads requests from a connection of a test server, one after the other, and hands over each complete one. */
export function readRequests(socket: Socket, answer: (seen: RequestSeen) => void | Promise<void>): void {
  let pieces: Buffer[] = [];
  let turn = Promise.resolve();
  socket.on('data', (chunk) => {
    pieces.push(chunk);
    for (;;) {
      const all = Buffer.concat(pieces);
      const parsed = parseRequest(all);
      pieces = [parsed === undefined ? all : all.subarray(parsed.used)];
      if (parsed === undefined) return;
      turn = turn.then(() => answer(parsed.seen));
    }
  });
}

function parseRequest(bytes: Buffer): { readonly seen: RequestSeen; readonly used: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = bytes.subarray(0, end).toString('latin1');
  const [method = '', path = ''] = head.split(' ');
  const from = end + 4;
  if (/^transfer-encoding: chunked$/im.test(head)) {
    const decoded = decodeChunks(bytes, from);
    return decoded && { seen: { method, path, head, body: decoded.body }, used: decoded.used };
  }
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
  if (bytes.byteLength < from + length) return undefined;
  return {
    seen: { method, path, head, body: bytes.subarray(from, from + length) },
    used: from + length,
  };
}

function decodeChunks(
  bytes: Buffer,
  from: number,
): { readonly body: Buffer; readonly used: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = from; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16);
    const next = lineEnd + 2 + size + 2;
    if (bytes.byteLength < next) return undefined;
    if (size === 0) return { body: Buffer.concat(chunks), used: next };
    chunks.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
