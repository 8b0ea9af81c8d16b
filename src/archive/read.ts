import { ContentError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { decompressed, sniffCompression } from '../flow/compression.ts';
import { indexJsonLimit } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { readOnlyRepository } from '../store/read-only.ts';
import type { ArchiveContents } from './contents.ts';
import { parseManifestJson, readDocker } from './docker.ts';
import { type FileContent, type OpenedFile, openFile } from './file.ts';
import { readOci } from './oci.ts';
import { createPacker } from './pack.ts';
import { readableArchive, rootsOf } from './repository.ts';
import { createSpool, type Spool } from './spool.ts';
import { synthesize } from './synthesis.ts';
import { openTarball, type Tarball } from './tarball.ts';
import { readV1 } from './v1.ts';

/** An OCI or docker-save archive as a repository that can only be read. Tags are the names in it, such as `alpine:3`. */
export interface ArchiveRepository extends Repository {
  readonly format: 'oci' | 'docker';
  /** What the archive names, each image or index once. */
  roots(options?: SignalOptions): Promise<readonly Descriptor[]>;
}

/**
 * Opens a file that holds an OCI layout, or what any Docker has saved, plain or compressed. All that the archive
 * names is there, or this throws: BLOB_UNKNOWN or MANIFEST_UNKNOWN for what is missing, MANIFEST_INVALID for a file
 * that is no archive, SIZE_INVALID for one that is cut off. Dispose it: a compressed file was unpacked to disk.
 *
 * A docker archive without an index.json has no manifests. Its images get one when they are first asked for, and
 * their plain layers are gzipped then.
 */
export async function openArchive(path: string, options: SignalOptions = {}): Promise<ArchiveRepository> {
  const file = await openFile(path);
  const spool = createSpool();
  const dispose = async (): Promise<void> => {
    await file.close();
    await spool[Symbol.asyncDispose]();
  };
  try {
    const tarball = await openTarball(path, await seekable(file, spool, options), options);
    const { format, contents } = await readContents(tarball, spool);
    const repository = readOnlyRepository({ ...readableArchive(path, contents), dispose });
    return { ...repository, format, roots: (from) => rootsOf(contents, from) };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The archive itself, or its bytes in the spool where they are compressed or come from a pipe. */
async function seekable(file: OpenedFile, spool: Spool, options: SignalOptions): Promise<FileContent> {
  const { path: what, content } = file;
  if (!file.isRegular) return spool.keep(decompressed(file.chunks(options), { what }));
  const start = await collect(content.open({ from: 0, to: 4 }), { limit: 4, what });
  if (sniffCompression(start) === 'none') return content;
  return spool.keep(decompressed(content.open(options), { what }));
}

interface Recognized {
  readonly format: 'oci' | 'docker';
  readonly contents: ArchiveContents;
}

/** Newest form first: Docker has kept the files of the older ones beside those of the newer. */
async function readContents(tarball: Tarball, spool: Spool): Promise<Recognized> {
  const indexJson = await tarball.read('index.json', indexJsonLimit);
  const manifestJson = await tarball.read('manifest.json', indexJsonLimit);
  const saved = manifestJson === undefined ? undefined : parseManifestJson(tarball, manifestJson);
  if (indexJson !== undefined) {
    const format = saved === undefined ? 'oci' : 'docker';
    return { format, contents: await readOci(tarball, indexJson, saved) };
  }
  const pack = createPacker(tarball, spool);
  if (saved !== undefined) {
    return { format: 'docker', contents: synthesize(readDocker(tarball, saved, pack)) };
  }
  const repositories = await tarball.read('repositories', indexJsonLimit);
  if (repositories !== undefined) {
    return { format: 'docker', contents: synthesize(await readV1(tarball, repositories, pack)) };
  }
  throw new ContentError(
    'MANIFEST_INVALID',
    `${tarball.path} is not an image archive: it has no index.json, manifest.json or repositories`,
  );
}
