import type { Stats } from 'node:fs';
import { copyFile, link, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { blobPath, hashFile } from '../blobfile/blob-file.ts';
import type { FinishedFile } from '../blobfile/upload.ts';
import {
  absentAs,
  isUnreadable,
  lookAt,
  onDisk,
  removeFile,
  systemCode,
  writeFully,
} from '../files/files.ts';
import { createKeyedMutex, type KeyedMutex, strictMutex } from '../flow/mutex.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import { type DurableFiles, touch, untilDone } from './durable.ts';
import { removeWithTrash } from './removal.ts';
import type { Soundness } from './soundness.ts';
import { trashPath } from './trash.ts';

/** The codes of a file system without hard links, or with no more links for this file. */
const noLinks: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK']);

/** The folders of a repository that may hold a blob. */
interface Owner {
  readonly layout: string;
  readonly state: string;
}

/** Bytes from which on hashing a file takes longer than looking at it. */
const largeBlob = 1024 * 1024;

/**
 * All blobs of a registry, each once. A repository that has a blob holds a hard link to it in its layout, so the file
 * system counts the users, and a blob that only the pool names can be removed. The link in the layout is synced,
 * because the answer to a client depends on it. If a power loss takes a name in the pool, a later push costs a second
 * copy.
 */
export class BlobPool {
  readonly #files: DurableFiles;
  readonly #soundness: Soundness;
  /** For each blob: nothing may remove it between the look at it and the link. */
  readonly #mutex: KeyedMutex = createKeyedMutex(strictMutex('a blob'));

  constructor(files: DurableFiles, soundness: Soundness) {
    this.#files = files;
    this.#soundness = soundness;
  }

  /** Takes over a finished file, and leaves nothing at its path. Resolves when the layout has the blob durably. */
  async take(file: FinishedFile, digest: Digest, layout: string): Promise<void> {
    const own = blobPath(layout, digest);
    const pooled = blobPath(this.#files.root, digest);
    await this.#files.folder(dirname(own));
    await this.#files.folder(dirname(pooled));
    await this.#mutex(digest, () =>
      untilDone(own, async () => {
        for (const known of [own, pooled]) {
          if (await this.#keepsSound(known, file, digest))
            return this.#reuse(file, digest, known, { own, pooled });
        }
        await file.sync();
        // Links into the layout first. From then on the second name shows that the session's file is finished.
        if ((await linkFile(file.path, own, this.#files)) !== 'linked') return false;
        await this.#remember(own, file, digest);
        return onDisk(pooled, () => this.#files.place(file.path, pooled).then(() => true));
      }),
    );
    await this.#files.synced(dirname(own));
  }

  /**
   * Returns whether a sound file with the blob exists. Writes the right bytes into a file with other bytes, for all
   * links to it. Moves anything else, and a file that cannot be read or written, out of the way.
   */
  async #keepsSound(path: string, file: FinishedFile, digest: Digest): Promise<boolean> {
    const seen = await lookAt(path);
    if (seen === undefined) return false;
    if (seen.isFile()) {
      if (this.#soundness.trusts(digest, seen)) return true;
      try {
        if (await this.#isOrBecomesRight(path, seen, file, digest)) return true;
        if ((await lookAt(path)) === undefined) return false;
      } catch (error) {
        if (!isUnreadable(error)) throw error;
      }
    }
    await this.#files.setAside(path);
    return false;
  }

  async #isOrBecomesRight(path: string, seen: Stats, file: FinishedFile, digest: Digest): Promise<boolean> {
    if (seen.size === file.size) {
      const { hasher, size } = await hashFile(path, computableAlgorithm(digest));
      if (hasher.digest() === digest && size === seen.size) {
        this.#soundness.sawRight(digest, seen);
        return true;
      }
    }
    // The file was collected as garbage after the look.
    if (!(await heal(path, file.path))) return false;
    const healed = await lookAt(path);
    if (healed?.size !== file.size) return false;
    this.#soundness.sawRight(digest, healed);
    return true;
  }

  /**
   * Notes that the file is right: its bytes were hashed on arrival. Hashing a small one again costs less than the
   * look here.
   */
  async #remember(path: string, { size }: FinishedFile, digest: Digest): Promise<void> {
    // A blob stays suspect after its damaged file was deleted, until gantry sees a right one.
    const worthIt = size >= largeBlob || this.#soundness.isSuspect(digest);
    const fresh = worthIt ? await lookAt(path) : undefined;
    if (fresh?.size === size) this.#soundness.sawRight(digest, fresh);
  }

  /** Returns false if the file to reuse does not exist any more. */
  async #reuse(
    file: FinishedFile,
    digest: Digest,
    known: string,
    { own, pooled }: { readonly own: string; readonly pooled: string },
  ): Promise<boolean> {
    for (const path of [own, pooled]) {
      if (path === known) continue;
      const there = await lookAt(path);
      if (there !== undefined && !there.isFile()) await this.#files.setAside(path);
      if ((await linkFile(known, path, this.#files)) === 'absent') return false;
    }
    if (!(await this.#touch(own, digest))) return false;
    await removeFile(file.path);
    return true;
  }

  /** Sets the time of the file. Its bytes stay the same, so they need not be hashed again. */
  async #touch(path: string, digest: Digest): Promise<boolean> {
    const before = await lookAt(path);
    if (!(await touch(path))) return false;
    const trusted = before !== undefined && this.#soundness.trusts(digest, before);
    const after = trusted ? await lookAt(path) : undefined;
    if (after !== undefined) this.#soundness.sawRight(digest, after);
    return true;
  }

  /**
   * Links the blob of one layout, or of any, into another. Moves no bytes. Returns false if the blob does not exist.
   */
  async mount(
    digest: Digest,
    from: string | undefined,
    layout: string,
    options: SignalOptions = {},
  ): Promise<boolean> {
    const source = blobPath(from ?? this.#files.root, digest);
    const own = blobPath(layout, digest);
    const seen = await lookAt(source);
    if (seen?.isFile() !== true || !(await this.#soundness.isSound(source, digest, seen, options)))
      return false;
    await this.#files.folder(dirname(own));
    let there = true;
    const link = (): Promise<void> =>
      untilDone(own, async () => {
        const before = await lookAt(own);
        if (before !== undefined && !before.isFile()) await this.#files.setAside(own);
        there = (await linkFile(source, own, this.#files)) !== 'absent';
        return !there || (await this.#touch(own, digest));
      });
    await this.#mutex(digest, link, options);
    // Syncs also an existing link: the call that made it may not have got to its sync.
    if (there) await this.#files.synced(dirname(own));
    return there;
  }

  /** Removes the blob from a repository, and its bytes with their last user. Returns whether it existed. */
  async remove(digest: Digest, { layout, state }: Owner, options: SignalOptions = {}): Promise<boolean> {
    const remove = async (): Promise<boolean> => {
      const own = blobPath(layout, digest);
      const removed = await removeWithTrash(this.#files, own, trashPath(state, 'blobs', digest));
      const pooled = blobPath(this.#files.root, digest);
      if ((await lookAt(pooled))?.nlink === 1) await removeFile(pooled);
      if (removed) await this.#files.synced(dirname(own));
      return removed;
    };
    return this.#mutex(digest, remove, options);
  }
}

/** Makes a second name for the file, or a copy where the file system has no links. */
async function linkFile(
  from: string,
  to: string,
  files: DurableFiles,
): Promise<'linked' | 'existed' | 'absent'> {
  return onDisk(to, async () => {
    try {
      await link(from, to);
      return 'linked';
    } catch (error) {
      const code = systemCode(error) ?? '';
      if (code === 'EEXIST') return 'existed';
      if (code === 'ENOENT') return 'absent';
      if (!noLinks.has(code)) throw error;
      const staged = await files.stage((path) => copyFile(from, path));
      await files.place(staged, to);
      return 'linked';
    }
  });
}

/**
 * Writes the bytes of one file into another, which keeps its names. Returns false if the other file does not exist.
 */
async function heal(path: string, source: string): Promise<boolean> {
  return onDisk(path, async () => {
    const from = await open(source, 'r');
    try {
      const to = await absentAs(undefined, open(path, 'r+'));
      if (to === undefined) return false;
      try {
        const buffer = Buffer.allocUnsafe(1024 * 1024);
        let at = 0;
        for (;;) {
          const { bytesRead } = await from.read(buffer, 0, buffer.byteLength, at);
          if (bytesRead === 0) break;
          await writeFully(to, buffer.subarray(0, bytesRead), at);
          at += bytesRead;
        }
        await to.truncate(at);
        await to.sync();
        return true;
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
  });
}
