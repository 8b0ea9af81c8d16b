import { meteredContent } from '../flow/count.ts';
import type { WorkPart, WorkSum } from '../flow/work.ts';
import type { Digest } from '../spec/digest.ts';
import type { FileContent } from './file.ts';
import type { Staged } from './staged.ts';

interface Told {
  readonly staged: Staged;
  /** Reports the whole as written, also the parts that were not read for it. */
  finish(): void;
}

/**
 * Wraps the staged content so that reading it reports the progress of writing. `reads` is the number of
 * readings of each blob.
 */
export function toldStaged(staged: Staged, reads: number, work: WorkSum): Told {
  const { blobs, manifests } = staged;
  const parts = new Map<Digest, WorkPart>();
  for (const digest of blobs.digests()) {
    const content = manifests.all.has(digest) ? undefined : blobs.content(digest);
    if (content !== undefined) parts.set(digest, work.begin(reads * content.size));
  }
  const metered = (digest: Digest): FileContent | undefined => {
    const content = blobs.content(digest);
    const part = parts.get(digest);
    if (content === undefined || part === undefined) return content;
    return { ...meteredContent(content, part.add), size: content.size };
  };
  return {
    staged: { ...staged, blobs: { ...blobs, content: metered } },
    finish() {
      for (const part of parts.values()) part.settle();
    },
  };
}
