import { type Content, mapContent } from '../../flow/content.ts';
import { gathered } from '../../flow/gather.ts';
import { type Bandwidth, inSmallPieces } from '../../http/bandwidth.ts';

/** Bytes of a blob above which larger pieces pay: a network brings 64 KiB at a time, and each send costs the same. */
const largeBlob = 32 * 1024 * 1024;
const piece = 256 * 1024;

/**
 * Returns the content in pieces that fit its upload. With a limit none is larger than the limit's, because progress counts each
 * one when it is taken, and then it may wait.
 */
export function inPieces(content: Content, bandwidth: Bandwidth | undefined): Content {
  const isGathered = content.remote === true && (content.size ?? 0) >= largeBlob;
  const pieces = isGathered ? mapContent(content, (source) => gathered(source, piece)) : content;
  return bandwidth === undefined ? pieces : inSmallPieces(pieces, bandwidth.sent.piece);
}
