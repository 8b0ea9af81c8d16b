import { opendir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blobSize } from '../layout/blob-file.ts';
import { absentAs, makeFolder, onDisk, readSmall, removeFile, replaceFile } from '../layout/files.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestAlgorithm, digestEncoded, isDigest } from '../spec/digest.ts';
import { layoutFolder, repositoryPath, stateFolder, tagFile, tagOfFile } from './names.ts';

/**
 * The files of one repository. Each fact is a small file of its own, so that the ten-thousandth tag costs what the
 * tenth did: `tags/<tag>` holds a digest, `manifests/<digest>` a media type, `referrers/<subject>/<digest>` nothing.
 */
export class RepositoryFolder {
  readonly name: string;
  /** An image layout: other tools can read it. */
  readonly layout: string;
  readonly uploads: string;
  readonly #tags: string;
  readonly #manifests: string;
  readonly #referrers: string;

  constructor(root: string, name: string) {
    this.name = name;
    const path = repositoryPath(root, name);
    this.layout = join(path, layoutFolder);
    const state = join(path, stateFolder);
    this.uploads = join(state, 'uploads');
    this.#tags = join(state, 'tags');
    this.#manifests = join(state, 'manifests');
    this.#referrers = join(state, 'referrers');
  }

  async holdsSomething(): Promise<boolean> {
    const blobs = join(this.layout, 'blobs');
    for (const algorithm of await namesIn(blobs)) {
      if (await hasEntry(join(blobs, algorithm))) return true;
    }
    return false;
  }

  /** The manifest with that digest, if it was put as one. */
  async manifest(digest: Digest): Promise<Descriptor | undefined> {
    const mediaType = await this.#text(join(this.#manifests, fileOf(digest)));
    const size = mediaType === undefined ? undefined : await blobSize(this.layout, digest);
    return mediaType === undefined || size === undefined ? undefined : { mediaType, digest, size };
  }

  async manifests(): Promise<Digest[]> {
    return digestsIn(this.#manifests);
  }

  async setManifest({ mediaType, digest }: Descriptor, subject: Digest | undefined): Promise<void> {
    await this.#write(join(this.#manifests, fileOf(digest)), mediaType);
    if (subject !== undefined) await this.#write(join(this.#referrers, fileOf(subject), fileOf(digest)), '');
  }

  async removeManifest(digest: Digest, subject: Digest | undefined): Promise<void> {
    await removeFile(join(this.#manifests, fileOf(digest)));
    if (subject !== undefined) await removeFile(join(this.#referrers, fileOf(subject), fileOf(digest)));
  }

  async referrers(subject: Digest): Promise<Digest[]> {
    return digestsIn(join(this.#referrers, fileOf(subject)));
  }

  async tag(tag: string): Promise<Digest | undefined> {
    const digest = await this.#text(join(this.#tags, tagFile(tag)));
    return digest !== undefined && isDigest(digest) ? digest : undefined;
  }

  async tags(): Promise<string[]> {
    return (await namesIn(this.#tags)).flatMap((file) => tagOfFile(file) ?? []);
  }

  async setTag(tag: string, digest: Digest): Promise<void> {
    await this.#write(join(this.#tags, tagFile(tag)), digest);
  }

  async removeTag(tag: string): Promise<boolean> {
    return removeFile(join(this.#tags, tagFile(tag)));
  }

  async #text(path: string): Promise<string | undefined> {
    const bytes = await readSmall(path, 64 * 1024);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  }

  async #write(path: string, text: string): Promise<void> {
    if ((await this.#text(path)) === text) return;
    await makeFolder(dirname(path));
    await replaceFile(path, new TextEncoder().encode(text));
  }
}

/** A colon is no character of a Windows file name. */
function fileOf(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestEncoded(digest)}`;
}

async function digestsIn(folder: string): Promise<Digest[]> {
  const digests = (await namesIn(folder)).map((file) => file.replace('-', ':'));
  return digests.filter(isDigest);
}

/** None where there is no folder. */
export function namesIn(folder: string): Promise<string[]> {
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
