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

/** What an archive holds, seen as a repository. `path` is what errors call it. */
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
      /** The bytes, whatever they contradict. */
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
  // Names first: `alpine:3` has the form of a digest of some algorithm, too.
  const root = await findRoot(path, contents.roots, reference, options);
  if (root !== undefined) return contents.manifest((await root.load(options)).digest);
  if (!isDigest(reference)) return undefined;
  const known = contents.manifest(reference);
  if (known !== undefined) return known;
  // Manifests that are yet to be made may have that digest, too. A broken one has none.
  const unmade = contents.roots.filter(({ digest }) => digest === undefined);
  await Promise.allSettled(unmade.map((one) => one.load(options)));
  options.signal?.throwIfAborted();
  return contents.manifest(reference);
}

/** Each image or index that the archive names, once, however many names it has. */
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
 * By its exact name, by another spelling of it, by its tag alone where only one image has that, or by its place in the
 * archive, as skopeo has it: `@0` is the first.
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

/** Of several that a name stands for, the one that is whole. Two that are whole are a choice that nobody made. */
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
    `${path}: ${whole.size} images are called ${reference}; say the full name, or one of ${[...whole.keys()].join(', ')}`,
  );
}
