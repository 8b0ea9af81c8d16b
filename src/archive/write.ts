import { open, realpath, rename, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { InputError, isGantryError } from '../errors.ts';
import { makeDraft } from '../files/draft.ts';
import { gzipped } from '../flow/compression.ts';
import type { Repository } from '../store/contract.ts';
import { type TarFileWithBody, writeTar } from '../tar/write.ts';
import { onDisk } from './failure.ts';
import { writeFile } from './file.ts';
import { legacyFiles } from './legacy-form.ts';
import { dockerFiles, ociFiles } from './oci-form.ts';
import { createShelf } from './shelf.ts';
import { createStage } from './stage.ts';
import type { Staged } from './staged.ts';

export interface CreateArchiveOptions {
  /** `docker`: an OCI layout that `docker load` takes, too. `legacy`: what Docker saved before version 25. */
  readonly format: 'docker' | 'oci' | 'legacy';
  readonly gzip?: boolean;
}

/**
 * A repository that becomes the file at `path` when it is committed, all at once; disposed before, it leaves nothing.
 * Tags may be full names (`alpine:3`), and for `docker load` must be. Equal content makes equal bytes.
 *
 * Until the commit blobs are kept in a folder beside the file, since they come in any order and several at a time.
 * Throws NO_PERMISSION, NO_SPACE, NAME_UNKNOWN for a folder that isn't there, INVALID_OPTION for a path that is one.
 */
export async function createArchive(path: string, options: CreateArchiveOptions): Promise<Repository> {
  const kind = await kindOf(path);
  if (kind === 'folder') throw new InputError('INVALID_OPTION', `${path} is a folder, not a file`);
  // A rename would replace a link, and what it leads to would stay as it was.
  const target = kind === 'file' ? await onDisk(path, () => realpath(path)) : path;
  // On the file's own disk, so that a rename suffices at the end; there is none beside `/dev/stdout`.
  const parent = kind === 'pipe' ? tmpdir() : dirname(target);
  const draft = await onDisk(parent, () => makeDraft(parent));
  const stage = createStage(draft.path);
  const shelf = createShelf(path, stage.blobs);
  return {
    name: path,
    blobs: stage.blobs,
    manifests: shelf.manifests,
    tags: shelf.tags,
    referrers: shelf.referrers,
    async commit({ signal } = {}) {
      signal?.throwIfAborted();
      const bytes = archiveBytes({ path, shelf, stage }, options, signal);
      if (kind === 'pipe') await writeFile(target, bytes);
      else await replace(target, join(draft.path, 'archive'), bytes);
    },
    [Symbol.asyncDispose]: () => draft[Symbol.asyncDispose](),
  };
}

type Kind = 'new' | 'file' | 'folder' | 'pipe';

async function kindOf(path: string): Promise<Kind> {
  try {
    const found = await onDisk(path, () => stat(path));
    if (found.isDirectory()) return 'folder';
    return found.isFile() ? 'file' : 'pipe';
  } catch (error) {
    if (isGantryError(error, 'NAME_UNKNOWN')) return 'new';
    throw error;
  }
}

async function* archiveBytes(
  staged: Staged,
  { format, gzip = false }: CreateArchiveOptions,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const tar = writeTar(filesOf[format](staged));
  // The layers are compressed already: more effort than the least would gain nothing.
  for await (const chunk of gzip ? gzipped(tar, { level: 1 }) : tar) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

const filesOf: Readonly<
  Record<
    CreateArchiveOptions['format'],
    (staged: Staged) => AsyncIterable<TarFileWithBody> | Iterable<TarFileWithBody>
  >
> = { oci: ociFiles, docker: dockerFiles, legacy: legacyFiles };

async function replace(path: string, draft: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  await writeFile(draft, bytes, { flush: true });
  await onDisk(path, () => rename(draft, path));
  await flushFolder(dirname(path));
}

/** So that the new name outlives a power cut. Windows can't open a folder, and loses no names. */
async function flushFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  await onDisk(path, async () => {
    const folder = await open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  });
}
