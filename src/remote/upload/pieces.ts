import { type Content, mapContent } from '../../flow/content.ts';
import { gathered } from '../../flow/gather.ts';
import { type Bandwidth, inSmallPieces } from '../../http/bandwidth.ts';

/** Bytes of a blob above which larger pieces pay: a network brings 64 KiB at a time, and each send costs the same. */
const largeBlob = 32 * 1024 * 1024;
const piece = 256 * 1024;

/**
 * Returns the content in pieces that fit its upload. With a limit they are small: progress counts each one when it is taken, and
 * then it may wait.
 */
export function inPieces(content: Content, bandwidth: Bandwidth | undefined): Content {
  if (bandwidth !== undefined) return inSmallPieces(content, bandwidth.sent.piece);
  if (content.remote !== true || (content.size ?? 0) < largeBlob) return content;
  return mapContent(content, (source) => gathered(source, piece));
}
