import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { Lru } from '../store/lru.ts';

/** The targets of tags that the upstream last gave. */
export interface SeenTags {
  /** Returns the target if it is recent enough to need no new question. */
  fresh(repository: string, tag: string): Descriptor | undefined;
  /** Returns the tags that the upstream named for this manifest. */
  of(repository: string, digest: Digest): readonly string[];
  see(repository: string, tag: string, manifest: Descriptor): void;
  forget(repository: string, tag: string): void;
}

interface Seen {
  readonly repository: string;
  readonly tag: string;
  readonly manifest: Descriptor;
  readonly until: number;
}

/** The number of tags to remember. */
const limit = 10_000;

export function createSeenTags(ttl: number, now: () => number): SeenTags {
  const seen = new Lru<Seen>(limit);
  return {
    fresh(repository, tag) {
      const found = seen.get(keyOf(repository, tag));
      return found !== undefined && now() < found.until ? found.manifest : undefined;
    },
    of(repository, digest) {
      return [...seen.values()]
        .filter((one) => one.repository === repository && one.manifest.digest === digest)
        .map(({ tag }) => tag);
    },
    see(repository, tag, manifest) {
      seen.set(keyOf(repository, tag), { repository, tag, manifest, until: now() + ttl });
    },
    forget(repository, tag) {
      seen.delete(keyOf(repository, tag));
    },
  };
}

function keyOf(repository: string, tag: string): string {
  return `${repository}:${tag}`;
}
