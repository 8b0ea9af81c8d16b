import { ContentError, NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { ListOptions, SignalOptions } from '../store/contract.ts';
import { foundContent } from '../store/found-content.ts';
import { listed } from '../store/listing.ts';
import type { Readable } from '../store/read-only.ts';
import type { ArchiveContents, ArchiveEntry } from './contents.ts';
import { sameName, tagOf } from './names.ts';
import { referrersAmong } from './referrers.ts';

/** Returns the content of an archive as a repository. `path` is its name in errors. */
export function readableArchive(path: string, contents: ArchiveContents): Readable {
  const find = (reference: string, options?: SignalOptions) =>
    findManifest(path, contents, reference, options);
  return {
    name: path,
    blobs: {
      async stat(digest, { signal } = {}) {
        signal?.throwIfAborted();
        const content = contents.blob(digest);
        return content === undefined
          ? undefined
          : { mediaType: MediaType.octetStream, digest, size: content.size };
      },
      open: (blob) => foundContent(path, blob, contents.blob),
    },
    manifests: {
      async resolve(reference, options) {
        return (await find(reference, options))?.descriptor;
      },
      /** Returns the bytes, also of a manifest that contradicts its content. */
      async getRaw(reference, options) {
        const manifest = await find(reference, options);
        if (manifest !== undefined) return manifest;
        throw new NotFoundError('MANIFEST_UNKNOWN', `${path} has no manifest ${reference}`);
      },
      async get(reference, options) {
        const manifest = await find(reference, options);
        if (manifest !== undefined) {
          await contents.examine(manifest);
          return manifest;
        }
        throw new NotFoundError('MANIFEST_UNKNOWN', `${path} has no manifest ${reference}`);
      },
    },
    tags: {
      async *list({ after, signal }: ListOptions = {}): AsyncIterable<string> {
        signal?.throwIfAborted();
        yield* listed(new Set(contents.roots.flatMap(({ names }) => names)), after);
      },
    },
    referrers: (subject, options = {}) => referrersAmong(contents.manifests(), subject, options),
  };
}

async function findManifest(
  path: string,
  contents: ArchiveContents,
  reference: string,
  options: SignalOptions = {},
): Promise<Manifest | undefined> {
  options.signal?.throwIfAborted();
  // Looks for a name first: by its grammar, `alpine:3` could also be a digest.
  const root = await findRoot(path, contents.roots, reference, options);
  if (root !== undefined) return contents.manifest((await root.load(options)).digest);
  if (!isDigest(reference)) return undefined;
  const known = contents.manifest(reference);
  if (known !== undefined) return known;
  // A manifest that is not made yet may have that digest, too. A broken one has none.
  const unmade = contents.roots.filter(({ digest }) => digest === undefined);
  await Promise.allSettled(unmade.map((one) => one.load(options)));
  options.signal?.throwIfAborted();
  return contents.manifest(reference);
}

/** Returns each image or index that the archive names, once, also if it has several names. */
export async function loadRoots(
  { roots }: ArchiveContents,
  options: SignalOptions = {},
): Promise<readonly Descriptor[]> {
  const found = new Map<Digest, Descriptor>();
  for (const root of roots) {
    const descriptor = await root.load(options);
    if (!found.has(descriptor.digest)) found.set(descriptor.digest, descriptor);
  }
  return [...found.values()];
}

/**
 * Finds a root by its exact name, by another spelling of it, by its tag alone if only one image has that tag,
 * or by its position in the archive, as in skopeo: `@0` is the first.
 */
async function findRoot(
  path: string,
  roots: readonly ArchiveEntry[],
  reference: string,
  options: SignalOptions,
): Promise<ArchiveEntry | undefined> {
  if (/^@\d{1,9}$/.test(reference)) return roots[Number(reference.slice(1))];
  const tests: readonly ((name: string) => boolean)[] = [
    (name) => name === reference,
    (name) => sameName(name, reference),
    (name) => tagOf(name) === reference,
  ];
  for (const test of tests) {
    const [found, ...others] = roots.filter(({ names }) => names.some(test));
    if (found === undefined) continue;
    if (others.every(({ digest }) => digest !== undefined && digest === found.digest)) return found;
    return onlyWhole(path, [found, ...others], reference, options);
  }
  return undefined;
}

/** Returns the only complete image of several with one name. Refuses the name if two of them are complete. */
async function onlyWhole(
  path: string,
  roots: readonly ArchiveEntry[],
  reference: string,
  options: SignalOptions,
): Promise<ArchiveEntry | undefined> {
  const whole = new Map<Digest, ArchiveEntry>();
  for (const root of roots) {
    const descriptor = await root.load(options).catch(() => options.signal?.throwIfAborted());
    if (descriptor !== undefined && !whole.has(descriptor.digest)) whole.set(descriptor.digest, root);
  }
  if (whole.size === 0) return roots[0];
  if (whole.size === 1) return [...whole.values()][0];
  throw new ContentError(
    'MANIFEST_INVALID',
    `${path}: ${whole.size} images have the name ${reference}: use the full name, or one of ${[...whole.keys()].join(', ')}`,
  );
}
