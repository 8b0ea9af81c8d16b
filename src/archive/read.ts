import { ContentError } from '../errors.ts';
import { counted } from '../flow/count.ts';
import { createWork, type WorkObserver } from '../flow/work.ts';
import { indexJsonLimit } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import {
  callback,
  checkArgument,
  checkOptions,
  iterable,
  type Shape,
  signal,
  text,
} from '../spec/options.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { readOnlyRepository } from '../store/read-only.ts';
import { type ArchiveCompression, compressionOf, unpacked } from './compressed.ts';
import type { ArchiveContents, ArchiveEntry } from './contents.ts';
import { parseManifestJson, readDocker } from './docker.ts';
import { type FileContent, type OpenedFile, type OpenedPipe, openFile, openPipe } from './file.ts';
import { readOci } from './oci.ts';
import { createRecompressor } from './recompress.ts';
import { loadRoots, readableArchive } from './repository.ts';
import { createSpool, type Spool } from './spool.ts';
import { synthesize } from './synthesis.ts';
import { openTarball, type Tarball } from './tarball.ts';
import { readV1 } from './v1.ts';

/**
 * An OCI or docker-save archive as a repository that can only be read. Tags are the names in it, such as `alpine:3`;
 * `@0` is its first image, `@1` the second.
 */
export interface ArchiveRepository extends Repository {
  /** The form of the archive. */
  readonly format: 'oci' | 'docker';
  /** The images and indexes that the archive names, as they stand there. Nothing of them is read for that. */
  readonly entries: readonly ArchiveEntry[];
  /** Each image or index that the archive names, once. All of them are read: throws as reading each of them does. */
  roots(options?: SignalOptions): Promise<readonly Descriptor[]>;
}

/** Settings of `openArchive`. */
export interface OpenArchiveOptions extends SignalOptions {
  /**
   * Told, in a sentence, of each thing in the archive that is wrong and stops nothing: a description that contradicts
   * another one that is right, a layer packed otherwise than its type says, a file whose name leads out.
   */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Told how far it is with unpacking the archive, and with packing and hashing its layers. */
  readonly onWork?: WorkObserver | undefined;
  /** The archive's bytes, in place of a file's; `path` is then what errors call it. They are kept on disk, not in memory. */
  readonly input?: AsyncIterable<Uint8Array>;
}

const shape: Shape<OpenArchiveOptions> = {
  onWarning: callback,
  onWork: callback,
  input: iterable,
  signal,
};

/**
 * Opens a file that holds an OCI layout, or what any Docker has saved, plain or compressed. Throws INVALID_OPTION,
 * MANIFEST_INVALID for a file that is no archive, SIZE_INVALID for one that is cut off. Dispose it: a compressed file was unpacked to disk.
 *
 * Each image is checked when it is first asked for, and a broken one doesn't block the others: BLOB_UNKNOWN or
 * MANIFEST_UNKNOWN for what is missing, SIZE_INVALID and DIGEST_INVALID for what is not as it is described,
 * MANIFEST_INVALID for two descriptions of it that contradict each other.
 * A docker archive without an index.json has no manifests. Its images get one when they are first asked for, and
 * their plain layers are gzipped then.
 */
export async function openArchive(
  path: string,
  options: OpenArchiveOptions = {},
): Promise<ArchiveRepository> {
  checkArgument('openArchive', 'path', path, text);
  checkOptions('openArchive', options, shape);
  const opened = await openContents(path, options);
  const { contents, format } = opened;
  const dispose = async (): Promise<void> => opened[Symbol.asyncDispose]();
  const repository = readOnlyRepository({ ...readableArchive(path, contents), dispose });
  return { ...repository, format, entries: contents.roots, roots: (from) => loadRoots(contents, from) };
}

/** A file that was recognised as an archive. */
export interface OpenedArchive extends AsyncDisposable, Recognized {
  readonly compression: ArchiveCompression;
}

/** As `openArchive`, with all that the archive holds. */
export async function openContents(
  path: string,
  { input, ...options }: OpenArchiveOptions = {},
): Promise<OpenedArchive> {
  const file = input === undefined ? await openFile(path) : openPipe(path, input);
  const spool = createSpool();
  const dispose = async (): Promise<void> => {
    await file.close();
    await spool[Symbol.asyncDispose]();
  };
  try {
    const { content, compression } = await seekable(file, spool, options);
    const tarball = await openTarball(path, content, options);
    return { ...(await readContents(tarball, spool, options)), compression, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Seekable {
  readonly content: FileContent;
  readonly compression: ArchiveCompression;
}

/** The archive itself, or its bytes in the spool where they are compressed or come from a pipe. */
async function seekable(
  file: OpenedFile | OpenedPipe,
  spool: Spool,
  { signal, onWork }: OpenArchiveOptions,
): Promise<Seekable> {
  const { path, content } = file;
  const work = createWork('unpack', onWork);
  if (content === undefined || !file.isRegular) {
    const chunks = counted(file.chunks({ signal }), work.begin().add);
    return { content: await spool.keep(unpacked(path, chunks)), compression: 'none' };
  }
  const compression = await compressionOf(path, content);
  if (compression === 'none') return { content, compression };
  const part = work.begin(content.size);
  const kept = await spool.keep(unpacked(path, counted(content.open({ signal }), part.add)));
  part.settle();
  return { content: kept, compression };
}

interface Recognized {
  readonly format: 'oci' | 'docker';
  readonly contents: ArchiveContents;
}

/** Newest form first: Docker has kept the files of the older ones beside those of the newer. */
async function readContents(
  tarball: Tarball,
  spool: Spool,
  { onWork }: OpenArchiveOptions,
): Promise<Recognized> {
  const recompress = createRecompressor(tarball, spool, onWork);
  const indexJson = await tarball.read('index.json', indexJsonLimit);
  const manifestJson = await tarball.read('manifest.json', indexJsonLimit);
  const saved =
    manifestJson === undefined
      ? undefined
      : readDocker(tarball, parseManifestJson(tarball, manifestJson), recompress);
  if (indexJson !== undefined) {
    const contents = await readOci(tarball, indexJson, { saved: saved ?? [], recompress });
    return { format: saved === undefined ? 'oci' : 'docker', contents };
  }
  if (saved !== undefined && saved.length === 0) {
    throw new ContentError('MANIFEST_INVALID', `${tarball.path}: manifest.json lists no images`);
  }
  if (saved !== undefined) return { format: 'docker', contents: synthesize(saved) };
  const repositories = await tarball.read('repositories', indexJsonLimit);
  if (repositories !== undefined) {
    return { format: 'docker', contents: synthesize(readV1(tarball, repositories, recompress)) };
  }
  const missing = `${tarball.path} is not an image archive: it has no index.json, manifest.json or repositories`;
  const deeper = tarball.names().find((name) => /^[^/]+\/(index|manifest)\.json$/.test(name));
  const hint =
    deeper === undefined
      ? ''
      : `; its files stand in a folder, pack them without it: tar -C ${deeper.split('/')[0]} -c .`;
  throw new ContentError('MANIFEST_INVALID', `${missing}${hint}`);
}
