import { constants, crc32, deflateRaw } from 'node:zlib';
import { gzipHeader, gzipTrailer } from './gzip-frame.ts';

/** Bytes of input in one piece. They decide about the output, so they are the same on every machine. */
const pieceSize = 512 * 1024;
/** Bytes before a piece that its matches may refer to: the window of deflate. */
const windowSize = 32 * 1024;
/** Pieces under way. Node compresses in four threads. */
const depth = 4;

interface Piece {
  readonly bytes: Uint8Array;
  readonly before: Uint8Array | undefined;
  readonly isLast: boolean;
}

/**
 * Compresses with gzip on several cores, as `pigz` does: each piece of the input on its own, with the window of the piece before.
 * The pieces join to one deflate stream (RFC 1951, section 3.2.4: an empty stored block ends each at a byte), and to one member of
 * gzip (RFC 1952). The output depends on the input and the level alone.
 */
export async function* piecedGzip(
  source: AsyncIterable<Uint8Array>,
  level: number,
): AsyncIterable<Uint8Array> {
  const running: Promise<Uint8Array>[] = [];
  const begin = (piece: Piece): void => {
    const work = deflated(piece, level);
    // The failure is thrown when its turn comes.
    work.catch(() => undefined);
    running.push(work);
  };
  let size = 0;
  let checksum = 0;
  let before: Uint8Array | undefined;
  let full: Uint8Array | undefined;
  try {
    for await (const bytes of piecesOf(source)) {
      if (full === undefined) yield gzipHeader(level);
      size += bytes.byteLength;
      checksum = crc32(bytes, checksum);
      if (full !== undefined) {
        begin({ bytes: full, before, isLast: false });
        before = full.subarray(-windowSize);
      }
      full = bytes;
      const [oldest] = running;
      if (oldest === undefined || running.length < depth) continue;
      yield await oldest;
      void running.shift();
    }
    if (full === undefined) yield gzipHeader(level);
    begin({ bytes: full ?? new Uint8Array(0), before, isLast: true });
    for (const work of running) yield await work;
    yield gzipTrailer(checksum, size);
  } finally {
    await Promise.allSettled(running);
  }
}

/** Joins the chunks of a source, which may use their memory again, to pieces. The last one may be shorter. */
async function* piecesOf(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let piece = Buffer.allocUnsafeSlow(pieceSize);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.byteLength; ) {
      const part = chunk.subarray(at, at + pieceSize - filled);
      piece.set(part, filled);
      filled += part.byteLength;
      at += part.byteLength;
      if (filled < pieceSize) continue;
      yield piece;
      piece = Buffer.allocUnsafeSlow(pieceSize);
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

function deflated({ bytes, before, isLast }: Piece, level: number): Promise<Uint8Array> {
  const options = {
    level,
    finishFlush: isLast ? constants.Z_FINISH : constants.Z_SYNC_FLUSH,
    chunkSize: pieceSize,
    ...(before !== undefined && { dictionary: before }),
  };
  return new Promise((resolve, reject) => {
    deflateRaw(bytes, options, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}
