import { tmpdir } from 'node:os';
import { createStagedBlobs, type StagedBlobs } from '../archive/staged-blobs.ts';
import { type Draft, makeDraft } from '../files/draft.ts';
import type { Digest } from '../spec/digest.ts';
import type { Blobs } from '../store/contract.ts';
import { foundContent } from '../store/found-content.ts';

/** Blobs that wait on disk until a load begins: their digest or size is found while they arrive. */
export interface SpooledBlobs extends AsyncDisposable {
  readonly blobs: Blobs;
  /** Returns the blobs so far; undefined before the first one, so that nothing is made on disk for none. */
  kept(): Promise<StagedBlobs | undefined>;
}

export function createSpooledBlobs(name: string): SpooledBlobs {
  let opened: Promise<{ readonly draft: Draft; readonly staged: StagedBlobs }> | undefined;
  const open = async (): Promise<Blobs> => {
    opened ??= makeDraft(tmpdir()).then((draft) => ({ draft, staged: createStagedBlobs(draft.path) }));
    return (await opened).staged.blobs;
  };
  const kept = async (): Promise<StagedBlobs | undefined> => (await opened)?.staged;
  const blobs: Blobs = {
    async stat(digest, options = {}) {
      options.signal?.throwIfAborted();
      return (await kept())?.blobs.stat(digest, options);
    },
    open: (blob) => foundContent(name, blob, async (digest: Digest) => (await kept())?.content(digest)),
    write: async (blob, content, options) => (await open()).write(blob, content, options),
    ingest: async (content, options) => (await open()).ingest(content, options),
    async mount(_digest, { signal } = {}) {
      signal?.throwIfAborted();
      return undefined;
    },
    start: async (options) => (await open()).start(options),
    resume: async (id, options) => (await open()).resume(id, options),
    async delete(digest, options = {}) {
      options.signal?.throwIfAborted();
      return (await kept())?.blobs.delete(digest, options) ?? false;
    },
  };
  return {
    blobs,
    kept,
    async [Symbol.asyncDispose]() {
      const made = await opened?.catch(() => undefined);
      await made?.draft[Symbol.asyncDispose]();
    },
  };
}
