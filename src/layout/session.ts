import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blobPath, blobSize } from '../blobfile/blob-file.ts';
import { isWorthContinuing, partialName, removeAllButPartial } from '../blobfile/partial.ts';
import { FileUpload, type FileUploadOptions, type FinishedFile } from '../blobfile/upload.ts';
import { NotFoundError } from '../errors.ts';
import { lookAt, moveFile, onDisk, removeFile, removeTemporaries, replaceFile } from '../files/files.ts';
import { type Lock, takeLock } from '../files/lock.ts';
import { createMutex, type Mutex, strictMutex } from '../flow/mutex.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Algorithm, computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Platform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import { LayoutIndex } from './index-file.ts';
import { Journal } from './journal.ts';
import { LayoutManifests } from './manifests.ts';
import { indexFile, isLayout, markerBytes, markerFile, readIndex } from './marker.ts';
import { SoundBlobs } from './sound.ts';
import { UndoLog } from './undo-log.ts';

const lockFile = '.gantry.lock';
const uploadFolder = '.gantry-uploads';

export interface SessionOptions extends SignalOptions {
  readonly wait?: number | undefined;
  readonly onWait?: ((reason: string) => void) | undefined;
  /**
   * Whether unreferenced blobs stay, also without a commit, unless the session created the folder: the layout is a
   * cache of blobs.
   */
  readonly cache?: boolean | undefined;
}

/**
 * The session of one writer. New blobs get their final names at once, since nothing refers to them yet. Deletions and
 * index.json wait for the commit.
 */
export class WriteSession {
  readonly folder: string;
  readonly index: LayoutIndex;
  readonly manifests: LayoutManifests;
  /** Finds out which of the earlier blobs are undamaged. */
  readonly sound: SoundBlobs;
  readonly #lock: Lock;
  readonly #undoLog: UndoLog;
  /** Undefined for a cache, which keeps every whole blob. */
  readonly #journal: Journal | undefined;
  readonly #uploads = new Map<string, FileUpload>();
  /** The partial files in use. */
  readonly #partial = new Set<string>();
  /** Blobs that the commit will remove. */
  readonly #doomed = new Set<Digest>();
  /** Manifests that were put without a tag. They become roots unless another manifest names them. */
  readonly #untagged = new Map<Digest, Descriptor>();
  readonly #mutex: Mutex;
  #disposed = false;

  private constructor({ folder, index, lock, undoLog, journal }: Opened) {
    this.folder = folder;
    this.index = index;
    this.sound = new SoundBlobs(folder);
    this.#mutex = createMutex(strictMutex(folder));
    this.#lock = lock;
    this.#undoLog = undoLog;
    this.#journal = journal;
    this.manifests = new LayoutManifests(folder, index, this.isGone);
  }

  static async open(folder: string, options: SessionOptions): Promise<WriteSession> {
    const undoLog = new UndoLog();
    try {
      const prepare = (): Promise<void> => undoLog.folder(folder);
      const lock = await takeLock(join(folder, lockFile), { ...options, what: folder, prepare });
      try {
        await isLayout(folder);
        const index = (await readIndex(folder)) ?? LayoutIndex.of();
        // Removes the files of a killed writer, except the bytes of blobs that this one may continue.
        await removeAllButPartial(join(folder, uploadFolder));
        await removeTemporaries(folder);
        const journal = options.cache === true ? undefined : await Journal.open(folder);
        return new WriteSession({ folder, index, lock, undoLog, journal });
      } catch (error) {
        await lock[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      await undoLog.undo();
      throw error;
    }
  }

  readonly isGone = (digest: Digest): boolean => this.#doomed.has(digest);

  get untagged(): Iterable<Digest> {
    return this.#untagged.keys();
  }

  async size(digest: Digest): Promise<number | undefined> {
    if (this.isGone(digest)) return undefined;
    const size = await blobSize(this.folder, digest);
    if (size !== undefined) this.#journal?.adopt(digest);
    return size;
  }

  /** Returns the blob if it exists with the right bytes. */
  async whole(blob: Descriptor, options: SignalOptions): Promise<Descriptor | undefined> {
    const size = await this.size(blob.digest);
    if (size === undefined || !(await this.sound.has(blob, options))) return undefined;
    return { mediaType: MediaType.octetStream, digest: blob.digest, size };
  }

  start(algorithm: Algorithm): Promise<FileUpload> {
    const id = crypto.randomUUID();
    return this.#begin({ id, name: id, algorithm }, (file) => FileUpload.start(file));
  }

  /** Starts the upload of a blob, and continues with the bytes of a killed writer if there are any. */
  async continue(blob: Descriptor, options: SignalOptions): Promise<FileUpload> {
    const algorithm = computableAlgorithm(blob.digest);
    const name = partialName(blob.digest);
    if (!isWorthContinuing(blob.size) || this.#partial.has(name)) return this.start(algorithm);
    this.#partial.add(name);
    try {
      const { size } = blob;
      const begin = (file: FileUploadOptions) => FileUpload.continue(file, { ...options, size });
      return await this.#begin({ id: crypto.randomUUID(), name, algorithm }, begin);
    } catch (error) {
      this.#partial.delete(name);
      throw error;
    }
  }

  async #begin(
    { id, name, algorithm }: { readonly id: string; readonly name: string; readonly algorithm: Algorithm },
    begin: (options: FileUploadOptions) => Promise<FileUpload>,
  ): Promise<FileUpload> {
    const folder = join(this.folder, uploadFolder);
    await this.#undoLog.folder(folder);
    const upload = await begin({
      id,
      path: join(folder, name),
      algorithm,
      keep: (file, digest) => this.#keep(file, digest),
      forget: async () => {
        this.#uploads.delete(id);
        this.#partial.delete(name);
      },
    });
    this.#uploads.set(id, upload);
    return upload;
  }

  resume(id: string): FileUpload {
    const upload = this.#uploads.get(id);
    if (upload !== undefined) return upload;
    throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', `${this.folder} has no upload session of that id`);
  }

  /** Lists a manifest that is stored as a blob. */
  list({ descriptor: plain }: Manifest, tags: readonly string[], platform?: Platform): void {
    const descriptor = platform === undefined ? plain : { ...plain, platform };
    for (const tag of tags) this.index.tag(tag, descriptor);
    if (tags.length === 0) this.#untagged.set(descriptor.digest, descriptor);
  }

  /** Marks the blob as deleted; the commit removes its bytes. Returns whether it existed. */
  async remove(digest: Digest): Promise<boolean> {
    if ((await this.size(digest)) === undefined) return false;
    this.#doomed.add(digest);
    this.sound.changed(digest, false);
    this.#untagged.delete(digest);
    return true;
  }

  commit(options: SignalOptions = {}): Promise<void> {
    return this.#mutex(async () => {
      options.signal?.throwIfAborted();
      await this.#lock.check();
      await this.#listRoots(options);
      const marker = join(this.folder, markerFile);
      const index = join(this.folder, indexFile);
      const bytes = this.index.format(index);
      await this.#undoLog.folder(join(this.folder, 'blobs'));
      if ((await lookAt(marker)) === undefined) {
        await replaceFile(marker, markerBytes);
        this.#undoLog.file(marker);
      }
      await replaceFile(index, bytes);
      // From here on the blobs are part of the layout, even after a failure.
      this.#undoLog.settle();
      for (const digest of this.#doomed) await removeFile(blobPath(this.folder, digest));
      this.#doomed.clear();
      await this.#endJournal(this.index);
    }, options);
  }

  dispose(): Promise<void> {
    return this.#mutex(async () => {
      // A second call must not touch the folder, which may belong to another writer by then.
      if (this.#disposed) return;
      this.#disposed = true;
      try {
        await removeAll(join(this.folder, uploadFolder));
        await this.#undoLog.removeFiles();
        await this.#endJournal(await readIndex(this.folder));
      } finally {
        // The lock file is in the folder that may have to be removed.
        await this.#lock[Symbol.asyncDispose]();
        await this.#undoLog.undo();
      }
    });
  }

  async #keep(file: FinishedFile, digest: Digest): Promise<void> {
    const path = blobPath(this.folder, digest);
    const { size } = file;
    const there = await this.size(digest);
    if (there !== undefined && (await this.sound.has({ mediaType: MediaType.octetStream, digest, size }))) {
      await removeFile(file.path);
    } else {
      await this.#undoLog.folder(dirname(path));
      await file.sync();
      if (there === undefined) await this.#journal?.note(digest);
      await moveFile(file.path, path);
      // A blob that replaced damaged bytes belongs to the layout and stays.
      const isMine = this.#journal !== undefined || this.#undoLog.made(this.folder);
      if (there === undefined && isMine) this.#undoLog.file(path);
    }
    this.sound.changed(digest, true);
    this.#doomed.delete(digest);
  }

  /** Removes the unreferenced blobs of a killed session. Keeps all of them when the references cannot be read. */
  async #endJournal(index: LayoutIndex | undefined): Promise<void> {
    if (this.#journal === undefined) return;
    const named = new Set<Digest>();
    let isRead = true;
    if (this.#journal.hasLeft && index !== undefined) {
      const onDamage = (): void => {
        isRead = false;
      };
      const manifests = new LayoutManifests(this.folder, index);
      for await (const { entry, children, blobs } of manifests.walk([], { onDamage })) {
        for (const digest of [entry.digest, ...children, ...blobs]) named.add(digest);
      }
    }
    if (isRead) await this.#journal.end(named);
  }

  async #listRoots(options: SignalOptions): Promise<void> {
    if (this.#untagged.size === 0) return;
    const named = new Set<Digest>();
    // A damaged image must not block the others.
    const walk = { ...options, onDamage: passOver };
    for await (const { children } of this.manifests.walk(this.untagged, walk)) {
      for (const child of children) named.add(child);
    }
    for (const [digest, descriptor] of this.#untagged) {
      if (!named.has(digest)) this.index.add(descriptor);
    }
    this.#untagged.clear();
  }
}

interface Opened {
  readonly folder: string;
  readonly index: LayoutIndex;
  readonly lock: Lock;
  readonly undoLog: UndoLog;
  readonly journal: Journal | undefined;
}

function passOver(): void {}

async function removeAll(path: string): Promise<void> {
  await onDisk(path, () => rm(path, { recursive: true, force: true }));
}
