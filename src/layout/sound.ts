import { blobPath, hashFile } from '../blobfile/blob-file.ts';
import { ContentError, StorageError } from '../errors.ts';
import { lookAt } from '../files/files.ts';
import { createMutex, type Mutex } from '../flow/mutex.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest, isComputable } from '../spec/digest.ts';
import { manifestsOf } from '../spec/manifest.ts';
import { neededBlobs } from '../store/admission.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { LayoutManifests } from './manifests.ts';

/**
 * Checks the blobs of a layout against their digests before a writer relies on them; a damaged blob is then written
 * again. Reads each file once in the life of a writer, unless the reading call is aborted.
 */
export class SoundBlobs {
  readonly #folder: string;
  readonly #known = new Map<Digest, boolean>();
  /** One check at a time: concurrent ones would only share the disk. */
  readonly #mutex: Mutex = createMutex();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async has(blob: Descriptor, options: SignalOptions = {}): Promise<boolean> {
    const { digest } = blob;
    const known = this.#known.get(digest);
    if (known !== undefined) return known;
    return this.#mutex(async (moved) => {
      const found = this.#known.get(digest) ?? (await this.#read(blob, options, moved));
      // The writer may have stored or removed the blob meanwhile.
      const isThere = this.#known.get(digest) ?? found;
      this.#known.set(digest, isThere);
      return isThere;
    }, options);
  }

  /** Notes that the writer has stored or removed the blob. */
  changed(digest: Digest, isThere: boolean): void {
    this.#known.set(digest, isThere);
  }

  /** Returns whether the manifest and all of its content exist undamaged. */
  async hasTree(
    manifest: Descriptor,
    manifests: LayoutManifests,
    options: SignalOptions = {},
  ): Promise<boolean> {
    if (!(await this.has(manifest, options))) return false;
    const { body } = await manifests.get(manifest.digest, options);
    for (const blob of neededBlobs(body)) if (!(await this.has(blob, options))) return false;
    for (const child of manifestsOf(body)) {
      if (!(await this.has(child, options))) return false;
      const found = await manifests.resolve(child.digest, options);
      if (found !== undefined && !(await this.hasTree(found, manifests, options))) return false;
    }
    return true;
  }

  async #read(
    { digest, size }: Descriptor,
    { signal }: SignalOptions,
    onChunk: () => void,
  ): Promise<boolean> {
    const path = blobPath(this.#folder, digest);
    const seen = await lookAt(path);
    if (seen?.isFile() !== true || seen.size !== size) return false;
    // The digest cannot be checked.
    if (!isComputable(digest)) return true;
    try {
      const hashed = await hashFile(path, computableAlgorithm(digest), { signal, onChunk });
      return hashed.hasher.digest() === digest;
    } catch (error) {
      // An unreadable blob counts as missing.
      if (error instanceof StorageError) return false;
      throw error;
    }
  }
}

/** Returns undefined also for a damaged manifest, and for one with missing or damaged content. */
export async function resolveWhole(
  manifests: LayoutManifests,
  sound: SoundBlobs,
  { reference, ...options }: SignalOptions & { readonly reference: string },
): Promise<Descriptor | undefined> {
  try {
    const found = await manifests.resolve(reference, options);
    if (found === undefined) return undefined;
    return (await sound.hasTree(found, manifests, options)) ? found : undefined;
  } catch (error) {
    if (error instanceof ContentError) return undefined;
    throw error;
  }
}
