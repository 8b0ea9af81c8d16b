import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { Lru } from '../store/lru.ts';

/**
 * What an open store remembers of its files. Only this process changes tags, so they may be remembered; a manifest may be
 * taken away by `gantry registry gc`, so what it is may be remembered, and whether it is there not.
 */
export class StoreCache {
  /** By the path of the tag's file. */
  readonly tags: Lru<Digest> = new Lru(20_000);
  /** By the path of the manifest's file. */
  readonly descriptors: Lru<Descriptor> = new Lru(20_000);
  /** By digest and media type; weighed in bytes. */
  readonly manifests: Lru<Manifest> = new Lru(16 * 1024 * 1024);
  /** The tags of the repository that was listed last, in order: a long list is asked for page by page. */
  listing: { readonly repository: string; readonly tags: readonly string[] } | undefined;
  /** How often tags were changed: what was read across a change is not to be remembered. */
  changes = 0;
  readonly #promised: Lru<true> = new Lru(20_000);

  /** To be called before the file of a tag is changed, and after it. */
  forgetTag(repository: string, path: string): void {
    this.changes++;
    this.tags.delete(path);
    if (this.listing?.repository === repository) this.listing = undefined;
  }

  /** A client was told that it need not send this. */
  promise(repository: string, digest: Digest): void {
    this.#promised.set(`${repository} ${digest}`, true);
  }

  isPromised(repository: string, digest: Digest): boolean {
    return this.#promised.has(`${repository} ${digest}`);
  }

  release(repository: string, digest: Digest): void {
    this.#promised.delete(`${repository} ${digest}`);
  }
}
