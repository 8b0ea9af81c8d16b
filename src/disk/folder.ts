import type { Dirent, Stats } from 'node:fs';
import { opendir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blobPath } from '../blobfile/blob-file.ts';
import { absentAs, isUnreadable, lookAt, onDisk, unlessUnreadable } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { isRepositoryName } from '../spec/reference.ts';
import {
  componentOf,
  digestOfFile,
  fileOf,
  layoutFolder,
  repositoryPath,
  stateFolder,
  tagFile,
  tagOfFile,
} from './file-names.ts';
import { moveIfThere, trashPath } from './trash.ts';

export interface FolderOptions {
  /** Whether a reader takes a missing file back from a collection of garbage. Default true; a check only looks. */
  readonly takesBack?: boolean | undefined;
}

/**
 * The files of one repository, for readers. Each fact is a small file of its own, so that the ten-thousandth tag
 * costs as much as the tenth: `tags/<tag>` contains a digest, `manifests/<digest>` a media type, and
 * `referrers/<subject>/<digest>` nothing.
 */
export class RepositoryFolder {
  readonly name: string;
  /** The folder of the store. */
  readonly store: string;
  /** An image layout, which other tools can read. */
  readonly layout: string;
  readonly state: string;
  readonly manifestsFolder: string;
  readonly #takesBack: boolean;

  constructor(root: string, name: string, { takesBack = true }: FolderOptions = {}) {
    this.name = name;
    this.store = dirname(root);
    this.#takesBack = takesBack;
    const path = repositoryPath(root, name);
    this.layout = join(path, layoutFolder);
    this.state = join(path, stateFolder);
    this.manifestsFolder = join(this.state, 'manifests');
  }

  blobPath(digest: Digest): string {
    return blobPath(this.layout, digest);
  }

  manifestPath(digest: Digest): string {
    return join(this.manifestsFolder, fileOf(digest));
  }

  referrerPath(subject: Digest, digest: Digest): string {
    return join(this.#referrersOf(subject), fileOf(digest));
  }

  tagPath(tag: string): string {
    return join(this.state, 'tags', tagFile(tag));
  }

  async holdsSomething(): Promise<boolean> {
    const blobs = join(this.layout, 'blobs');
    for (const algorithm of await fileNamesIn(blobs)) {
      if ((await hasEntry(join(blobs, algorithm)).catch(unlessUnreadable)) === true) return true;
    }
    return false;
  }

  /** Returns the blob's file; undefined if it does not exist. */
  async blobFile(digest: Digest): Promise<Stats | undefined> {
    const path = this.blobPath(digest);
    const seen = (await lookAt(path)) ?? (await this.#takenBack('blobs', digest, path));
    return seen?.isFile() ? seen : undefined;
  }

  /** Returns the bytes of the blob; undefined if it does not exist. */
  async blobSize(digest: Digest): Promise<number | undefined> {
    return (await this.blobFile(digest))?.size;
  }

  /** Returns whether the manifest exists, without reading its type. */
  async hasManifest(digest: Digest): Promise<boolean> {
    const path = this.manifestPath(digest);
    return ((await lookAt(path)) ?? (await this.#takenBack('manifests', digest, path))) !== undefined;
  }

  /** Returns the descriptor of the manifest; undefined for content that was not put as a manifest. */
  async manifest(digest: Digest): Promise<Descriptor | undefined> {
    const mediaType = await this.mediaType(digest);
    const size = mediaType === undefined ? undefined : await this.blobSize(digest);
    return mediaType === undefined || size === undefined ? undefined : { mediaType, digest, size };
  }

  /** Returns the listed type of the manifest; undefined if it does not exist. */
  async mediaType(digest: Digest): Promise<string | undefined> {
    const path = this.manifestPath(digest);
    const mediaType = await textOf(path);
    // The look takes the file back from a collection.
    return mediaType === undefined && (await this.hasManifest(digest)) ? textOf(path) : mediaType;
  }

  async manifests(): Promise<Digest[]> {
    return digestsIn(this.manifestsFolder);
  }

  async referrers(subject: Digest): Promise<Digest[]> {
    return digestsIn(this.#referrersOf(subject));
  }

  async tag(tag: string): Promise<Digest | undefined> {
    const digest = await textOf(this.tagPath(tag));
    return digest !== undefined && isDigest(digest) ? digest : undefined;
  }

  async tags(): Promise<string[]> {
    return (await fileNamesIn(join(this.state, 'tags'))).flatMap((file) => tagOfFile(file) ?? []);
  }

  #referrersOf(subject: Digest): string {
    return join(this.state, 'referrers', fileOf(subject));
  }

  async #takenBack(
    kind: 'blobs' | 'manifests',
    digest: Digest,
    path: string,
  ): Promise<Awaited<ReturnType<typeof lookAt>>> {
    const trash = trashPath(this.state, kind, digest);
    const aside = await lookAt(trash);
    if (aside !== undefined && !this.#takesBack) return kind === 'blobs' ? aside : undefined;
    // On a read-only disk the file stays in the trash.
    if (aside !== undefined) await moveIfThere(trash, path).catch(unlessUnreadable);
    // Looks also without a file in the trash: the collection may have put it back between the two looks.
    return lookAt(path);
  }
}

async function textOf(path: string): Promise<string | undefined> {
  const bytes = await readSmall(path, 64 * 1024);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

async function digestsIn(folder: string): Promise<Digest[]> {
  return (await fileNamesIn(folder)).flatMap((file) => digestOfFile(file) ?? []);
}

/** Returns the blobs of a layout, or of the pool. Passes over other files among their folders. */
export async function digestsUnder(layout: string): Promise<Digest[]> {
  const found: Digest[] = [];
  for (const algorithm of await fileNamesIn(join(layout, 'blobs'))) {
    for (const encoded of (await fileNamesIn(join(layout, 'blobs', algorithm)).catch(unlessUnreadable)) ??
      []) {
      const digest = `${algorithm}:${encoded}`;
      if (isDigest(digest)) found.push(digest);
    }
  }
  return found;
}

/** Returns the names in the folder; none if the folder does not exist. */
export function fileNamesIn(folder: string): Promise<string[]> {
  return onDisk(folder, () => absentAs([], readdir(folder)));
}

async function hasEntry(folder: string): Promise<boolean> {
  return onDisk(folder, async () => {
    const entries = await absentAs(undefined, opendir(folder));
    if (entries === undefined) return false;
    for await (const _ of entries) return true;
    return false;
  });
}

/**
 * Yields the name of every repository that has a folder, with or without content. Passes over folders that are no
 * repository, with everything below them, and over unreadable folders, which `onUnreadable` receives.
 */
export async function* namesUnder(
  folder: string,
  onUnreadable: (folder: string, error: unknown) => void = () => undefined,
  prefix = '',
): AsyncIterable<string> {
  let entries: readonly Dirent[] = [];
  try {
    entries = await onDisk(folder, () => absentAs([], readdir(folder, { withFileTypes: true })));
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    onUnreadable(folder, error);
  }
  for (const entry of entries) {
    const component = entry.isDirectory() ? componentOf(entry.name) : undefined;
    const name = `${prefix}${component}`;
    if (component === undefined || !isRepositoryName(name)) continue;
    yield name;
    yield* namesUnder(join(folder, entry.name), onUnreadable, `${name}/`);
  }
}
