import { blobFileContent } from '../blobfile/blob-file.ts';
import { ingestFile } from '../blobfile/upload.ts';
import { InputError } from '../errors.ts';
import { bytesContent } from '../flow/content.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import { checkBlobs, checkBytes, refuseCreateOnly } from '../store/admission.ts';
import type { Blobs, ListOptions, Manifests } from '../store/contract.ts';
import { listed } from '../store/listing.ts';
import { startAlgorithm, writeBlob } from '../store/write.ts';
import { layoutGarbage } from './garbage.ts';
import { LayoutIndex } from './index-file.ts';
import { readIndexManifest } from './marker.ts';
import type { LayoutRepository } from './reader.ts';
import { type SessionOptions, WriteSession } from './session.ts';
import { resolveWhole } from './sound.ts';

/** Throws IN_USE. */
export async function openWriter(folder: string, options: SessionOptions): Promise<LayoutRepository> {
  const session = await WriteSession.open(folder, options);
  const blobs = openBlobs(session);
  const { index, manifests } = session;
  return {
    name: folder,
    blobs,
    manifests: openManifests(session, blobs),
    tags: {
      async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
        signal?.throwIfAborted();
        yield* listed(index.tags, after);
      },
      async delete(tag, { signal } = {}) {
        signal?.throwIfAborted();
        return index.untag(tag);
      },
    },
    referrers: (subject, options) => manifests.referrers(subject, options, session.untagged),
    roots: async () => index.roots,
    index: () => readIndexManifest(folder),
    replaceIndex: async ({ bytes }) => index.replace(LayoutIndex.parse(bytes)),
    async collectGarbage({ dryRun = false, signal } = {}) {
      const roots = [...index.roots.map(({ digest }) => digest), ...session.untagged];
      const garbage = await layoutGarbage(folder, roots, { signal });
      if (!dryRun) for (const { digest } of garbage) await session.remove(digest);
      return garbage;
    },
    commit: (options) => session.commit(options),
    [Symbol.asyncDispose]: () => session.dispose(),
  };
}

function openBlobs(session: WriteSession): Blobs {
  const blobs: Blobs = {
    async stat(digest, { signal } = {}) {
      signal?.throwIfAborted();
      const size = await session.size(digest);
      return size === undefined ? undefined : { mediaType: MediaType.octetStream, digest, size };
    },
    open: (blob) => blobFileContent(session.folder, blob, { gone: session.isGone }),
    write(blob, content, options) {
      const stat: Blobs['stat'] = (_, by = {}) => session.whole(blob, by);
      const start: Blobs['start'] = (by = {}) =>
        content.replayable ? session.continue(blob, by) : blobs.start(by);
      return writeBlob({ ...blobs, stat, start }, blob, content, options);
    },
    ingest: (content, options) => ingestFile((algorithm) => session.start(algorithm), content, options),
    async mount(_digest, { signal } = {}) {
      signal?.throwIfAborted();
      return undefined;
    },
    async start(options = {}) {
      options.signal?.throwIfAborted();
      return session.start(startAlgorithm(options));
    },
    async resume(id, { signal } = {}) {
      signal?.throwIfAborted();
      return session.resume(id);
    },
    async delete(digest, options = {}) {
      // The bytes of a manifest are removed with the manifest.
      if ((await session.manifests.resolve(digest, options)) !== undefined) return false;
      return session.remove(digest);
    },
  };
  return blobs;
}

function openManifests(session: WriteSession, blobs: Blobs): Manifests {
  const { index, manifests } = session;
  return {
    resolve: (reference, { whole = false, ...options } = {}) =>
      whole
        ? resolveWhole(manifests, session.sound, { reference, ...options })
        : manifests.resolve(reference, options),
    get: (reference, options) => manifests.get(reference, options),
    async put(manifest, options = {}) {
      const { tags = [], platform, signal } = options;
      signal?.throwIfAborted();
      refuseCreateOnly(session.folder, options);
      for (const tag of tags) checkName(tag);
      checkBytes(manifest);
      await checkBlobs(manifest, blobs, options);
      await blobs.write(manifest.descriptor, bytesContent(manifest.bytes), { signal });
      session.list(manifest, tags, platform);
    },
    async delete(digest: Digest, options = {}) {
      if ((await manifests.resolve(digest, options)) === undefined) return false;
      index.remove(digest);
      return session.remove(digest);
    },
  };
}

/** A name may be any text that cannot be taken for a digest. Throws INVALID_REFERENCE. */
function checkName(tag: string): void {
  if (tag === '' || isDigest(tag)) {
    throw new InputError('INVALID_REFERENCE', `"${tag}" can't be the name of an image in a layout`);
  }
}
