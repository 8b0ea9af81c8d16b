import { ContentError } from '../errors.ts';
import { counted } from '../flow/count.ts';
import { createWorkLedger, type WorkLedger, type WorkObserver } from '../flow/work.ts';
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
 * An OCI or docker-save archive as a read-only repository. Its tags are the names in it, such as `alpine:3`;
 * `@0` is its first image, `@1` the second.
 */
export interface ArchiveRepository extends Repository {
  /** The form of the archive. */
  readonly format: 'oci' | 'docker';
  /** The images and indexes that the archive names, in its order. Listing them reads none of them. */
  readonly entries: readonly ArchiveEntry[];
  /**
   * Returns each image or index that the archive names, once. Reads all of them, and throws the errors of
   * reading.
   */
  roots(options?: SignalOptions): Promise<readonly Descriptor[]>;
}

/** Settings of `openArchive`. */
export interface OpenArchiveOptions extends SignalOptions {
  /**
   * Receives a sentence about each fault that stops nothing: a description that contradicts a right one, a
   * layer with another compression than its type, a file name that leads out of the archive.
   */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Receives the progress of unpacking the archive, and of packing and hashing its layers. */
  readonly onWork?: WorkObserver | undefined;
  /**
   * The bytes of the archive instead of a file; `path` is then its name in errors. gantry keeps them on disk,
   * not in memory.
   */
  readonly input?: AsyncIterable<Uint8Array> | undefined;
}

const shape: Shape<OpenArchiveOptions> = {
  onWarning: callback,
  onWork: callback,
  input: iterable,
  signal,
};

/**
 * Opens a file with an OCI layout or the output of any `docker save`, plain or compressed. Throws
 * INVALID_OPTION, NAME_UNKNOWN for a missing file, MANIFEST_INVALID for a file that is no archive,
 * SIZE_INVALID for a truncated one. Dispose it, because a compressed file was unpacked to disk.
 *
 * gantry checks each image on its first use, and a broken one does not block the others: BLOB_UNKNOWN or
 * MANIFEST_UNKNOWN for missing content, SIZE_INVALID and DIGEST_INVALID for content that differs from its
 * descriptor, MANIFEST_INVALID for contradicting descriptions of an image. A docker archive without an
 * index.json has no manifests. gantry makes those of an image on its first use, and gzips its uncompressed
 * layers then.
 */
export async function openArchive(
  path: string,
  options: OpenArchiveOptions = {},
): Promise<ArchiveRepository> {
  checkArgument('openArchive', 'path', path, text);
  checkOptions('openArchive', options, shape);
  return openArchiveCounted(path, options, createWorkLedger(options.onWork));
}

/** Settings for a caller that knows where the archive comes from. */
export interface KnownArchiveOptions extends OpenArchiveOptions {
  /**
   * Takes the images from manifest.json also beside an index.json: both describe unpacked layers, which are gzipped then, as
   * those of an archive with manifest.json alone.
   */
  readonly isUnpacked?: boolean | undefined;
}

/** As `openArchive`, with work that adds to other work. Does not call `onWork`. */
export async function openArchiveCounted(
  path: string,
  options: KnownArchiveOptions,
  works: WorkLedger,
): Promise<ArchiveRepository> {
  const opened = await openContents(path, options, works);
  const { contents, format } = opened;
  const dispose = async (): Promise<void> => opened[Symbol.asyncDispose]();
  const repository = readOnlyRepository({ ...readableArchive(path, contents), dispose });
  return { ...repository, format, entries: contents.roots, roots: (from) => loadRoots(contents, from) };
}

/** A file that is recognized as an archive. */
export interface OpenedArchive extends AsyncDisposable, Recognized {
  readonly compression: ArchiveCompression;
}

/** As `openArchive`, with the whole content of the archive. */
export async function openContents(
  path: string,
  { input, isUnpacked = false, ...options }: KnownArchiveOptions,
  works: WorkLedger,
): Promise<OpenedArchive> {
  const file = input === undefined ? await openFile(path) : openPipe(path, input);
  const spool = createSpool();
  const dispose = async (): Promise<void> => {
    await file.close();
    await spool[Symbol.asyncDispose]();
  };
  try {
    const { content, compression } = await seekable({ file, spool, works }, options);
    const tarball = await openTarball(path, content, options);
    const found = await readContents({ tarball, spool, works, isUnpacked });
    return { ...found, compression, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Seekable {
  readonly content: FileContent;
  readonly compression: ArchiveCompression;
}

interface Opening {
  readonly file: OpenedFile | OpenedPipe;
  readonly spool: Spool;
  readonly works: WorkLedger;
}

/** Returns the archive itself, or a copy of its bytes on disk if they are compressed or come from a pipe. */
async function seekable({ file, spool, works }: Opening, { signal }: SignalOptions): Promise<Seekable> {
  const { path, content } = file;
  const work = works.of('unpack');
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

interface Recognizing {
  readonly tarball: Tarball;
  readonly spool: Spool;
  readonly works: WorkLedger;
  readonly isUnpacked: boolean;
}

/** Tries the newest form first, because newer versions of Docker keep the files of the older forms. */
async function readContents({ tarball, spool, works, isUnpacked }: Recognizing): Promise<Recognized> {
  const recompress = createRecompressor(tarball, spool, works);
  const indexJson = await tarball.read('index.json', indexJsonLimit);
  const manifestJson = await tarball.read('manifest.json', indexJsonLimit);
  const saved =
    manifestJson === undefined
      ? undefined
      : readDocker(tarball, parseManifestJson(tarball, manifestJson), recompress);
  if (indexJson !== undefined && !(isUnpacked && saved !== undefined)) {
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
