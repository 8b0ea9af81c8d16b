import type { Content, OpenOptions } from '../flow/content.ts';
import { verified } from '../flow/verify.ts';
import { Download, type Source } from './download.ts';
import type { Exchange } from './exchange.ts';
import { isLarge, largeBlob } from './parts.ts';

/** A blob to be read: whole reads are verified, parts can't be. */
export function openBlob(exchange: Exchange, repository: string, blob: Source['blob']): Content {
  const { digest, size } = blob;
  const unchecked = uncheckedBlob({ exchange, repository, blob });
  return {
    ...unchecked,
    unchecked,
    open(part: OpenOptions = {}): AsyncIterable<Uint8Array> {
      const { from = 0, to = size } = part;
      const bytes = unchecked.open(part);
      if (from !== 0 || to !== size) return bytes;
      return verified(bytes, { ...blob, what: `blob ${digest} of ${repository}` });
    },
  };
}

function uncheckedBlob(source: Source): Content {
  const { size } = source.blob;
  return {
    ...(size === undefined ? {} : { size }),
    replayable: true,
    distant: true,
    open({ from = 0, to, signal, onSize }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      if (from !== 0 || (to !== undefined && to !== size)) {
        return new Download(source, { from, ...(to === undefined ? {} : { to }), signal }).bytes();
      }
      if (isLarge(size)) return largeBlob(source, size, { signal });
      return new Download(source, { ...(to === undefined ? {} : { to }), signal, onSize }).bytes();
    },
  };
}
