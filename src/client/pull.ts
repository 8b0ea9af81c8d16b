import { resolve } from 'node:path';
import { copyCounted } from '../copy/copy.ts';
import { InputError } from '../errors.ts';
import type { WorkLedger } from '../flow/work.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { defaultPlatform } from '../spec/platform.ts';
import { formatReference, type Reference } from '../spec/reference.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { cachedBlobs } from './blob-cache.ts';
import type { Connections } from './connections.ts';
import { imageOriginOf, type TransferOptions, transfer } from './copy.ts';
import { manifestName, openForWriting, type WaitOptions } from './open.ts';
import { type DaemonPlace, formatPlace, noFolder, parseLocal, plainPath } from './place.ts';
import { lossAt } from './replaced.ts';
import { createArchiveAt, isStandard, isStandardOutput } from './standard.ts';
import { type Watch, watching } from './watch.ts';

/** The form of pulled images on disk. */
export type PullFormat = 'tarball' | 'legacy' | 'oci';

/** Settings of `pull`. */
export interface PullOptions extends TransferOptions, WaitOptions {
  /**
   * `tarball`: an archive for `docker load` and OCI tools. `legacy`: an archive as docker wrote it before 1.10. `oci`: a
   * layout, to which gantry adds the images. Archives take one platform, by default linux/amd64.
   * @defaultValue `'tarball'`
   */
  readonly format?: PullFormat | undefined;
  /**
   * Names each image in the layout by its whole reference. Only for `oci`.
   * @defaultValue `false`
   */
  readonly annotateRef?: boolean | undefined;
  /** A folder that keeps blobs for the next pull, as an OCI layout. */
  readonly cachePath?: string | undefined;
}

/** Pulls images into one layout or archive, which appears with all of them or stays as before. */
export async function pullTo(
  connections: Connections,
  references: readonly Reference[],
  path: string,
  options: PullOptions = {},
): Promise<readonly Descriptor[]> {
  const place = parseLocal(path);
  if (place?.kind === 'docker-daemon') return [await pullInto(connections, references, place, options)];
  return watching(options, (watch) => pullWatched(connections, { references, path }, watch, options));
}

/** Pulls one image into the docker daemon. */
function pullInto(
  connections: Connections,
  [reference, ...others]: readonly Reference[],
  place: DaemonPlace,
  { format, annotateRef, cachePath, ...options }: PullOptions,
): Promise<Descriptor> {
  if (reference === undefined || others.length > 0)
    throw new InputError(
      'INVALID_OPTION',
      `${formatPlace(place)} is the name of one image: pull one into it`,
    );
  if (format !== undefined || annotateRef === true || cachePath !== undefined) {
    throw new InputError(
      'INVALID_OPTION',
      `${formatPlace(place)} is no file, so it has neither a format nor a cache: leave these options out`,
    );
  }
  return transfer(connections, { kind: 'registry', reference }, place, options);
}

async function pullWatched(
  connections: Connections,
  { references, path }: { readonly references: readonly Reference[]; readonly path: string },
  watch: Watch,
  options: PullOptions,
): Promise<readonly Descriptor[]> {
  const { format = 'tarball', annotateRef = false, cachePath, platforms, noWait, onWait, ...rest } = options;
  refuseEmpty(plainPath(path), 'the saved image');
  if (cachePath !== undefined) refuseEmpty(cachePath, 'the cache');
  const { ledger } = watch;
  const signal = { signal: watch.signal };
  const wait = { ...signal, noWait, onWait };
  if (cachePath !== undefined && format === 'oci') refuseSameFolder(cachePath, path);
  await using cache =
    cachePath === undefined ? undefined : await openForWriting(cachePath, { ...wait, cache: true });
  await using destination = await openTarget(connections, path, {
    ...wait,
    format,
    works: ledger.works,
  });
  const chosen = platforms ?? (format === 'oci' ? undefined : [defaultPlatform]);
  const roots: Descriptor[] = [];
  const names: string[] = [];
  for (const reference of references) {
    const source = connections.repository(reference, { actions: ['pull'] });
    const from = cache === undefined ? source : cachedBlobs(source, cache);
    const name = manifestName(reference);
    const tags = format !== 'oci' || annotateRef ? nameInPlace(reference, format) : [];
    names.push(...tags);
    roots.push(
      await copyCounted(
        from,
        name,
        destination,
        {
          ...rest,
          ...signal,
          admit: fromRegistry(reference, rest.admit),
          tags,
          alone: references.length === 1,
          platforms: chosen,
        },
        { ledger },
      ),
    );
  }
  await cache?.commit(signal);
  const replaces = format !== 'oci' && !isStandardOutput(path);
  const loss = replaces ? await lossAt(path, names, signal) : undefined;
  await destination.commit(signal);
  if (loss !== undefined) connections.warn(path, loss);
  return roots;
}

/** Tells a decision about a root the registry that it is from. */
export function fromRegistry(
  reference: Reference,
  admit: TransferOptions['admit'],
): TransferOptions['admit'] {
  const origin = imageOriginOf({ kind: 'registry', reference });
  return admit && ((root, from, named) => admit(root, from, { ...named, origin }));
}

interface TargetOptions extends SignalOptions, WaitOptions {
  readonly format: PullFormat;
  readonly works: WorkLedger;
}

async function openTarget(
  connections: Connections,
  path: string,
  { format, works, ...options }: TargetOptions,
): Promise<Repository> {
  if (format !== 'oci') {
    const form = format === 'legacy' ? 'legacy' : 'docker';
    return createArchiveAt(connections, path, { format: form }, works);
  }
  if (isStandard(path)) throw noFolder();
  return openForWriting(path, options);
}

/**
 * Refuses an empty path, which would mean the current folder: a script left a variable unset.
 * @throws INVALID_OPTION
 */
function refuseEmpty(path: string, what: string): void {
  if (path === '') throw new InputError('INVALID_OPTION', `the path of ${what} is empty`);
}

/**
 * Refuses one folder as layout and cache, since the pull would wait for itself.
 * @throws INVALID_OPTION
 */
function refuseSameFolder(cache: string, path: string): void {
  if (resolve(cache) !== resolve(path)) return;
  throw new InputError(
    'INVALID_OPTION',
    `${path} cannot be the layout and its cache: leave out the cache, since a layout keeps its blobs`,
  );
}

/**
 * Returns the full name for the image: docker reads it as well as a short one, and it shows the origin. Archives know only
 * tags, so an image pulled by digest gets the tag that crane gives it.
 */
function nameInPlace(
  { registry, repository, tag, digest }: Reference,
  format: PullFormat,
): readonly string[] {
  if (tag === undefined && digest !== undefined && format === 'oci') {
    return [formatReference({ registry, repository, digest })];
  }
  return [formatReference({ registry, repository, tag: tag ?? 'i-was-a-digest' })];
}
