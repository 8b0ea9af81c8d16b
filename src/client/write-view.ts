import { type CopyOptions, copyCounted } from '../copy/copy.ts';
import type { Content } from '../flow/content.ts';
import type { Pool } from '../flow/pool.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import type { LayerOrigin } from '../image/layer.ts';
import { originsOf, sourceOf } from '../image/source.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Reference } from '../spec/reference.ts';
import type { Repository, WriteOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { TransferOptions } from './copy.ts';
import { onePlatform } from './daemon-place.ts';
import { checkRoot } from './manifests.ts';
import { measureLayers } from './measured.ts';
import { openDestination, type WaitOptions } from './open.ts';
import { formatPlace, type Place, promisedDigest } from './place.ts';
import { pushStreams } from './push-streams.ts';
import type { Watch } from './watch.ts';

/** Settings for writing a view. */
export interface WriteViewOptions extends TransferOptions, WaitOptions {
  /** Whether an existing archive is replaced. By default the image is added to it. */
  readonly replace?: boolean | undefined;
  /** The platform of the image that a place takes if it takes only one image of an index. */
  readonly preferred?: TransferOptions['platforms'];
}

/** A view, and the place that it goes to. */
export interface Writing {
  readonly view: Image | Index;
  readonly target: Place;
  /** The manifest in the place that the view replaces. It goes away with its entry. */
  readonly replaced?: Digest | undefined;
  /** Whether the view was changed, so that the place most likely lacks its small new content, such as its config. */
  readonly isChanged?: boolean | undefined;
}

/**
 * Writes a view with everything that it names to a place. Streamed layers go first, because config and manifest need their
 * digests and sizes.
 */
export async function writeView(
  connections: Connections,
  { view, target, replaced, isChanged = false }: Writing,
  { ledger, signal }: Watch,
  { replace, noWait, onWait, preferred, ...options }: WriteViewOptions = {},
): Promise<Descriptor> {
  const one = await onePlatform(connections, target, preferred, { signal });
  const watched = { ...options, platforms: one ?? options.platforms, signal };
  const origins = await originsOf(view, watched);
  const sourceOfBlob = (origin: LayerOrigin | undefined, upload?: UploadOptions): readonly string[] =>
    target.kind === 'registry' ? mountSource(origin, target.reference, upload) : [];
  const destination = await openDestination(connections, target, {
    mountFrom: [...new Set(origins.flatMap((origin) => sourceOfBlob(origin)))],
    replace,
    noWait,
    onWait,
    signal,
    works: ledger.works,
  });
  await using repository = destination.repository;
  const accounts = await pushStreams(view, repository, watched, ledger);
  await measureLayers(view, { signal, work: ledger.works.of('hash') });
  const source = await sourceOf(view, watched);
  const expected = promisedDigest(target);
  if (expected !== undefined) checkRoot(formatPlace(target), expected, source.root.digest);
  const settings: CopyOptions = {
    ...watched,
    mountFrom: ({ digest }) => sourceOfBlob(source.originOf(digest), connections.upload),
    tags: destination.tags,
    // The place cannot have a root that was made just now, so nothing waits for its answer.
    ...(isChanged && { patience: 0 }),
  };
  const { digest } = source.root;
  const isNew = ({ digest, size }: Descriptor): boolean =>
    size <= small && source.originOf(digest) === undefined;
  const to = target.kind === 'registry' && isChanged ? withNewBlobs(repository, isNew) : repository;
  const root = await copyCounted(source.repository, digest, to, settings, { ledger, accounts });
  if (replaced !== undefined && replaced !== digest) await repository.manifests.delete(replaced, { signal });
  await repository.commit({ signal });
  return root;
}

/** Bytes that move in the time of a question for them. */
const small = 64 * 1024;

/** Lets a repository store some blobs without a question for them. */
function withNewBlobs(repository: Repository, isNew: (blob: Descriptor) => boolean): Repository {
  const { blobs } = repository;
  const writeInPool = blobs.writeInPool?.bind(blobs);
  const own = (blob: Descriptor, options: WriteOptions = {}): WriteOptions => ({
    ...options,
    isNew: isNew(blob),
  });
  return {
    ...repository,
    blobs: {
      ...blobs,
      write: (blob, content, options) => blobs.write(blob, content, own(blob, options)),
      ...(writeInPool && {
        writeInPool: (blob: Descriptor, content: Content, pool: Pool, options?: WriteOptions) =>
          writeInPool(blob, content, pool, own(blob, options)),
      }),
    },
  };
}

/** Returns the repository to mount a blob from: another one of the destination registry, or of `mountOrigin`. */
export function mountSource(
  origin: LayerOrigin | undefined,
  { registry, repository }: Reference,
  { mountOrigin = registry }: UploadOptions = {},
): readonly string[] {
  if (origin?.registry !== mountOrigin) return [];
  return mountOrigin === registry && origin.repository === repository ? [] : [origin.repository];
}
