import { collectContent } from '../flow/collect.ts';
import { bytesContent, type Content } from '../flow/content.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { configLimit } from '../json/image-config.ts';
import { manifestOfBytes } from '../json/make-manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import type { Repository } from '../store/contract.ts';
import type { Lru } from '../store/lru.ts';

/** Keeps manifests and configs, which their digests identify. */
export interface Documents {
  /** Returns the document with a digest, which it has; undefined if it is not known. */
  find(digest: Digest): Promise<KeptDocument | undefined>;
  keep(digest: Digest, document: KeptDocument): Promise<void>;
}

/** A document with its type. */
export interface KeptDocument {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** The documents that a client remembers. */
export type DocumentMemory = Lru<KeptDocument>;

/** Keeps documents in memory, the most recently used ones. */
export function createDocuments(memory: DocumentMemory): Documents {
  return {
    find: async (digest) => memory.get(digest),
    keep: async (digest, document) => memory.set(digest, document, document.bytes.byteLength),
  };
}

/** Lets a repository fetch each config, and each manifest that is asked for by its digest, once. */
export function withDocuments(repository: Repository, documents: Documents): Repository {
  const { manifests, blobs } = repository;
  const keep = async (manifest: Manifest): Promise<Manifest> => {
    const { digest, mediaType } = manifest.descriptor;
    await documents.keep(digest, { mediaType, bytes: manifest.bytes });
    return manifest;
  };
  return {
    ...repository,
    manifests: {
      ...manifests,
      async get(reference, options) {
        if (!isDigest(reference)) return keep(await manifests.get(reference, options));
        const known = await documents.find(reference);
        if (known !== undefined)
          return manifestOfBytes(known.bytes, known.mediaType, computableAlgorithm(reference));
        return keep(await manifests.get(reference, options));
      },
    },
    blobs: {
      ...blobs,
      open: (blob) =>
        typeof blob !== 'string' && isConfigType(blob.mediaType)
          ? keptConfig(blob, blobs.open(blob), documents)
          : blobs.open(blob),
    },
  };
}

function keptConfig(config: Descriptor, content: Content, documents: Documents): Content {
  const { digest, mediaType } = config;
  return {
    size: content.size,
    replayable: true,
    async *open(options = {}) {
      let bytes = (await documents.find(digest))?.bytes;
      if (bytes === undefined) {
        const { signal } = options;
        bytes = await collectContent(content, { limit: configLimit, what: `config ${digest}`, signal });
        await documents.keep(digest, { mediaType, bytes });
      }
      yield* bytesContent(bytes).open(options);
    },
  };
}

/** Keeps the documents of a view that the program has made. */
export async function keepDocuments(view: Image | Index, documents: Documents): Promise<void> {
  const { descriptor, bytes, body } = await view.manifest();
  await documents.keep(descriptor.digest, { mediaType: descriptor.mediaType, bytes });
  if (view.kind === 'index') {
    for (const child of await view.children()) await keepDocuments(child, documents);
  } else if (body.kind === 'image') {
    const { digest, mediaType } = body.config;
    await documents.keep(digest, { mediaType, bytes: await view.rawConfig() });
  }
}
