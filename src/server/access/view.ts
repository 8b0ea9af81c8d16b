import { NotFoundError } from '../../errors.ts';
import { isRepositoryName } from '../../spec/reference.ts';
import type { Blobs, Manifests, Registry, Repository } from '../../store/contract.ts';
import type { Upload } from '../../store/upload.ts';
import type { Rights } from './rules.ts';
import type { TokenSigner } from './signer.ts';

/** The caller of a registry and its rights. */
export interface Viewer {
  /** Undefined for an anonymous caller. */
  readonly user: string | undefined;
  readonly rights: Rights;
  /** Signs the ids of upload sessions. */
  readonly signer: TokenSigner;
}

/** Maximum number of repositories that a mount without a source searches before the client must upload the bytes. */
const maxSources = 1_000;

/**
 * Returns the registry as one caller may use it: listings contain only readable repositories, mounts read only from
 * these, callers with only `create` cannot move existing tags, and only the caller that started an upload session can
 * use it. Whether the caller may do the operation at all is checked earlier.
 */
export function viewOf(registry: Registry, viewer: Viewer): Registry {
  const { rights } = viewer;
  return {
    repository(name, intent) {
      const mountFrom = intent?.mountFrom?.filter((source) => rights.may('pull', source));
      const repository = registry.repository(name, intent && { ...intent, mountFrom });
      return {
        name: repository.name,
        blobs: viewBlobs(registry, repository, viewer),
        manifests: viewManifests(repository, viewer),
        tags: repository.tags,
        referrers: (subject, options) => repository.referrers(subject, options),
        commit: (options) => repository.commit(options),
        [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
      };
    },
    async *repositories(options) {
      for await (const name of registry.repositories(options)) if (rights.may('pull', name)) yield name;
    },
  };
}

function viewBlobs(registry: Registry, repository: Repository, viewer: Viewer): Blobs {
  const { blobs } = repository;
  return {
    stat: (digest, options) => blobs.stat(digest, options),
    ...(blobs.statToRead === undefined
      ? {}
      : { statToRead: async (digest, options) => blobs.statToRead?.(digest, options) }),
    open: (blob) => blobs.open(blob),
    ...(blobs.locate === undefined
      ? {}
      : { locate: async (digest, options) => blobs.locate?.(digest, options) }),
    write: (blob, content, options) => blobs.write(blob, content, options),
    ingest: (content, options) => blobs.ingest(content, options),
    delete: (digest, options) => blobs.delete(digest, options),
    async mount(digest, options = {}) {
      const { from } = options;
      // Does not look a blob up in an unreadable repository, so the time reveals nothing, either.
      if (from !== undefined) {
        const allowed = isRepositoryName(from) && viewer.rights.may('pull', from);
        return allowed ? await blobs.mount(digest, options) : undefined;
      }
      if (viewer.rights.pullAll) return await blobs.mount(digest, options);
      let left = maxSources;
      for await (const name of registry.repositories({ signal: options.signal })) {
        if (!viewer.rights.may('pull', name)) continue;
        const mounted = await blobs.mount(digest, { ...options, from: name });
        if (mounted !== undefined || --left === 0) return mounted;
      }
      return undefined;
    },
    async start(options) {
      const upload = await blobs.start(options);
      return renamed(upload, await sessionName(repository.name, upload.id, viewer));
    },
    async resume(name, options) {
      const id = await sessionId(repository.name, name, viewer);
      return renamed(await blobs.resume(id, options), name);
    },
  };
}

/** Returns the session under an id that only its caller can use. */
function renamed(upload: Upload, name: string): Upload {
  return {
    id: name,
    get offset() {
      return upload.offset;
    },
    get limits() {
      return upload.limits;
    },
    append: (content, options) => upload.append(content, options),
    commit: (digest, content, options) => upload.commit(digest, content, options),
    ...(upload.open === undefined ? {} : { open: (options) => upload.open?.(options) ?? nothing() }),
    cancel: (options) => upload.cancel(options),
  };
}

async function* nothing(): AsyncIterable<Uint8Array> {}

async function sessionName(repository: string, id: string, { user, signer }: Viewer): Promise<string> {
  return `${id}.${await signer.sign(JSON.stringify([repository, user ?? null, id]))}`;
}

/**
 * Returns the store's id of the session. Throws BLOB_UPLOAD_UNKNOWN for a session of another caller, as if it did not
 * exist.
 */
export async function sessionId(repository: string, name: string, { user, signer }: Viewer): Promise<string> {
  const dot = name.lastIndexOf('.');
  const id = name.slice(0, Math.max(0, dot));
  if (await signer.verify(JSON.stringify([repository, user ?? null, id]), name.slice(dot + 1))) return id;
  throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', `${repository} has no such upload`);
}

function viewManifests({ name, manifests }: Repository, { rights }: Viewer): Manifests {
  return {
    resolve: (reference, options) => manifests.resolve(reference, options),
    get: (reference, options) => manifests.get(reference, options),
    delete: (digest, options) => manifests.delete(digest, options),
    // The store checks and writes in one step: between a separate check and the put, a caller with more rights could
    // set the tag.
    put: (manifest, options = {}) =>
      manifests.put(manifest, rights.may('push', name) ? options : { ...options, createOnly: true }),
  };
}
