import { closeSync, fstatSync, readSync } from 'node:fs';
import { onDiskSync } from '../files/files.ts';
import type { SignalOptions } from '../store/contract.ts';
import { paddingOf } from '../tar/entry.ts';
import { type TarFile, tarEnd, tarHeader } from '../tar/write.ts';
import { changedMeanwhile, openRegularFile, shownPath } from './disk.ts';

/** A file of a layer. */
export interface FileOfLayer {
  /** The header of its entry. */
  readonly header: TarFile;
  /** The file on disk with its content; undefined for folders and links. */
  readonly content?: ContentFile | undefined;
}

/** A file that is read when its turn comes. */
export interface ContentFile {
  readonly root: string;
  readonly path: string;
  /** The size and the time of the last change when the file was found. */
  readonly size: number;
  readonly mtimeMs: number;
}

/** Bytes of a block. Many small files share one, so that compressing them takes few steps. */
const blockSize = 1024 * 1024;

/**
 * Writes the tar of a layer in blocks of 1 MiB. A block is valid until the next one is asked for; meanwhile the next block is
 * read, beside the thread that compresses this one.
 * @throws SIZE_INVALID when a file is not the same any more as when it was found
 */
export async function* layerTar(
  entries: Iterable<FileOfLayer>,
  { signal }: SignalOptions = {},
): AsyncIterable<Uint8Array> {
  const blocks = blocksOf(entries);
  let next = nextTurn(blocks);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await next;
      if (done === true) return;
      next = nextTurn(blocks);
      yield value;
    }
  } finally {
    await next.catch(() => undefined);
    blocks.return(undefined);
  }
}

/** Makes the next block after the current work has begun to wait. */
function nextTurn(blocks: Iterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  const made = new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(blocks.next());
      } catch (error) {
        reject(error);
      }
    });
  });
  // Awaited with the next block.
  made.catch(() => undefined);
  return made;
}

function* blocksOf(entries: Iterable<FileOfLayer>): Generator<Uint8Array, undefined, undefined> {
  let block = new Uint8Array(blockSize);
  let spare = new Uint8Array(blockSize);
  let used = 0;
  /** Yields the block, and goes on with the other one, since the reader still has this one. */
  const flush = function* (): Generator<Uint8Array, undefined, undefined> {
    if (used > 0) yield block.subarray(0, used);
    [block, spare, used] = [spare, block, 0];
  };
  const put = function* (bytes: Uint8Array): Generator<Uint8Array, undefined, undefined> {
    for (let at = 0; at < bytes.byteLength; ) {
      if (used === blockSize) yield* flush();
      const part = bytes.subarray(at, at + blockSize - used);
      block.set(part, used);
      used += part.byteLength;
      at += part.byteLength;
    }
  };
  for (const { header, content } of entries) {
    yield* put(tarHeader(header));
    if (content === undefined || content.size === 0) continue;
    const file = openRegularFile(content.root, content.path);
    try {
      for (let left = content.size; left > 0; ) {
        if (used === blockSize) yield* flush();
        const length = readContent(content, file, block.subarray(used, used + left));
        used += length;
        left -= length;
      }
      checkSame(content, file);
    } finally {
      closeSync(file);
    }
    const padding = paddingOf(content.size);
    if (padding > 0) yield* put(new Uint8Array(padding));
  }
  yield* put(tarEnd);
  yield* flush();
}

function readContent({ root, path }: ContentFile, file: number, into: Uint8Array): number {
  const length = onDiskSync(shownPath(root, path), () => readSync(file, into, 0, into.byteLength, null));
  if (length === 0) throw changedMeanwhile(root, path);
  return length;
}

/** A file that grew, or was written anew, may have given bytes of two versions. */
function checkSame({ root, path, size, mtimeMs }: ContentFile, file: number): void {
  const stats = onDiskSync(shownPath(root, path), () => fstatSync(file));
  if (stats.size !== size || stats.mtimeMs !== mtimeMs) throw changedMeanwhile(root, path);
}
