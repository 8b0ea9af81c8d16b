import { copyFile, link, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { blobPath, blobSize } from '../layout/blob-file.ts';
import {
  lookAt,
  makeFolder,
  moveFile,
  onDisk,
  removeFile,
  replaceFile,
  syncFile,
  syncFolder,
  systemCode,
} from '../layout/files.ts';
import type { Digest } from '../spec/digest.ts';
import { createTurns, type Turns } from '../store/turns.ts';

/** What a file system says that has no second names for files, or no more of them for this one. */
const noLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK']);

/**
 * All blobs of a registry, each once. A repository that has a blob holds a hard link to it in its layout, so the file
 * system counts the users: a blob that only the pool still names is removed.
 */
export class BlobPool {
  readonly #root: string;
  /** Between looking and linking nobody may remove. */
  readonly #turns: Turns = createTurns();

  constructor(root: string) {
    this.#root = root;
  }

  /** Takes over a finished file, of which nothing stays at `path`. */
  async take(path: string, digest: Digest, layout: string): Promise<void> {
    await syncFile(path);
    const pooled = blobPath(this.#root, digest);
    await makeFolder(dirname(pooled));
    await this.#turns(async () => {
      const there = (await blobSize(this.#root, digest)) !== undefined;
      await (there ? removeFile(path) : moveFile(path, pooled));
      await linkFile(pooled, blobPath(layout, digest));
    });
  }

  /** Keeps a small blob whose bytes are known to be right. */
  async put(bytes: Uint8Array, digest: Digest, layout: string): Promise<void> {
    const pooled = blobPath(this.#root, digest);
    await makeFolder(dirname(pooled));
    await this.#turns(async () => {
      if ((await blobSize(this.#root, digest)) === undefined) await replaceFile(pooled, bytes);
      await linkFile(pooled, blobPath(layout, digest));
    });
  }

  /** Links the blob of one layout, or of any, into another. No bytes move; answers false if it isn't there. */
  async mount(digest: Digest, from: string | undefined, layout: string): Promise<boolean> {
    const source = from ?? this.#root;
    return this.#turns(async () => {
      if ((await blobSize(source, digest)) === undefined) return false;
      await linkFile(blobPath(source, digest), blobPath(layout, digest));
      return true;
    });
  }

  /** Takes the blob out of a layout, and off the disk with its last user. Answers whether it was there. */
  async remove(digest: Digest, layout: string): Promise<boolean> {
    return this.#turns(async () => {
      const removed = await removeFile(blobPath(layout, digest));
      const pooled = blobPath(this.#root, digest);
      if ((await lookAt(pooled))?.nlink === 1) await removeFile(pooled);
      return removed;
    });
  }
}

/** A second name for the file, or a copy where the file system can't. What is there already is the same content. */
async function linkFile(from: string, to: string): Promise<void> {
  await makeFolder(dirname(to));
  await onDisk(to, async () => {
    try {
      await link(from, to);
    } catch (error) {
      const code = systemCode(error) ?? '';
      if (code === 'EEXIST') return;
      if (!noLinks.has(code)) throw error;
      await copyWhole(from, to);
    }
    await syncFolder(dirname(to));
  });
}

async function copyWhole(from: string, to: string): Promise<void> {
  const temporary = `${to}.${crypto.randomUUID()}.tmp`;
  try {
    await copyFile(from, temporary);
    await syncFile(temporary);
    await moveFile(temporary, to);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
