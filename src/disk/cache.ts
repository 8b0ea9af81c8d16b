import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { Lru } from '../store/lru.ts';

/**
 * The memory of an open store. Only this process changes tags, so it remembers them. It remembers the descriptor of a
 * manifest, but not its existence, because `gantry registry gc` may remove the manifest.
 */
export class StoreCache {
  /** By the path of the tag's file. */
  readonly tags: Lru<Digest> = new Lru(20_000);
  /** By the path of the manifest's file. */
  readonly descriptors: Lru<Descriptor> = new Lru(20_000);
  /** By digest and media type, weighed in bytes. */
  readonly manifests: Lru<Manifest> = new Lru(16 * 1024 * 1024);
  /** The tags of the last listed repository, in order: clients ask for a long list page by page. */
  listing: { readonly repository: string; readonly tags: readonly string[] } | undefined;
  /** The number of changes of tags. A value that was read across a change is not remembered. */
  changes = 0;
  readonly #promised: Lru<true> = new Lru(20_000);

  /** Call this before and after each change of a tag's file. */
  forgetTag(repository: string, path: string): void {
    this.changes++;
    this.tags.delete(path);
    if (this.listing?.repository === repository) this.listing = undefined;
  }

  /** Notes that a client was told that it need not send this content. */
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
