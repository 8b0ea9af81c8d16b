import { type FileHandle, open } from 'node:fs/promises';
import { ContentError } from '../errors.ts';
import { writeFully } from '../files/files.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import { gathered } from '../flow/gather.ts';
import type { SignalOptions } from '../store/contract.ts';
import { onArchiveFile } from './failure.ts';

/** Content with a known size, of which any part can be read. */
export type FileContent = Content & { readonly size: number };

export interface OpenedFile {
  readonly path: string;
  readonly content: FileContent;
  /** False for a pipe or a device, which can be read only once, through `chunks`. */
  readonly isRegular: boolean;
  chunks(options?: SignalOptions): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Bytes that can be read once. */
export interface OpenedPipe extends Omit<OpenedFile, 'content'> {
  readonly content?: undefined;
}

/** Bytes. A system call for 64 KiB costs as much. */
export const step: number = 1024 * 1024;

/** Throws NAME_UNKNOWN, NO_PERMISSION, IO_FAILED; MANIFEST_INVALID for a directory. */
export async function openFile(path: string): Promise<OpenedFile> {
  return onArchiveFile(path, async () => {
    const handle = await open(path, 'r');
    try {
      const stat = await handle.stat();
      if (stat.isDirectory())
        throw new ContentError('MANIFEST_INVALID', `${path} is a directory, not an archive`);
      return {
        path,
        content: fileContent(handle, path, stat.size),
        isRegular: stat.isFile(),
        chunks: (options) => chunksOf(handle, path, options),
        close: () => handle.close(),
      };
    } catch (error) {
      await handle.close();
      throw error;
    }
  });
}

/** Wraps a stream. `path` is its name in errors. */
export function openPipe(path: string, input: AsyncIterable<Uint8Array>): OpenedPipe {
  return {
    path,
    isRegular: false,
    async *chunks({ signal } = {}) {
      for await (const chunk of input) {
        signal?.throwIfAborted();
        yield chunk;
      }
    },
    async close() {},
  };
}

/** Returns the content of the file at `path`, which each reading opens again. */
export function pathContent(path: string, size: number): FileContent {
  return {
    size,
    replayable: true,
    async *open(options: OpenOptions = {}): AsyncIterable<Uint8Array> {
      const file = await openFile(path);
      try {
        yield* file.content.open(options);
      } finally {
        await file.close();
      }
    },
  };
}

/** Writes all bytes of a source into a file. After a failure, the owner of the folder removes the part. */
export async function writeFile(
  path: string,
  source: AsyncIterable<Uint8Array>,
  { flush = false }: { readonly flush?: boolean } = {},
): Promise<void> {
  for await (const _ of writing(path, source, { flush }));
}

/** Does the same, and passes the bytes on meanwhile. */
export async function* writing(
  path: string,
  source: AsyncIterable<Uint8Array>,
  { flush = false }: { readonly flush?: boolean } = {},
): AsyncIterable<Uint8Array> {
  const handle = await onArchiveFile(path, () => open(path, 'w'));
  try {
    for await (const chunk of gathered(source, step)) {
      yield chunk;
      await onArchiveFile(path, () => writeFully(handle, chunk));
    }
    if (flush) await onArchiveFile(path, () => handle.sync());
  } finally {
    await handle.close();
  }
}

async function* chunksOf(
  handle: FileHandle,
  path: string,
  { signal }: SignalOptions = {},
): AsyncIterable<Uint8Array> {
  const buffer = new Uint8Array(step);
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead } = await onArchiveFile(path, () => handle.read(buffer, 0, step, null));
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function fileContent(handle: FileHandle, path: string, size: number): FileContent {
  return {
    size,
    replayable: true,
    async *open({ from = 0, to = size, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      const end = Math.min(to, size);
      const buffer = new Uint8Array(Math.max(0, Math.min(step, end - from)));
      let at = from;
      while (at < end) {
        signal?.throwIfAborted();
        const wanted = Math.min(step, end - at);
        const { bytesRead } = await onArchiveFile(path, () => handle.read(buffer, 0, wanted, at));
        if (bytesRead === 0) {
          throw new ContentError('SIZE_INVALID', `${path} became shorter while it was read`, {
            expected: size,
            actual: at,
          });
        }
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
  };
}
