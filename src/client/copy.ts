import { type CopyOptions, copyImage } from '../copy/copy.ts';
import { examined } from '../copy/examined.ts';
import { selectRoot } from '../copy/select.ts';
import { ContentError, CopyError, InputError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { formatReference } from '../spec/reference.ts';
import type { Connections } from './connections.ts';
import type { Source, SourceOptions } from './disk-source.ts';
import { type Destination, openDestination, openSource, type WaitOptions } from './open.ts';
import { type Place, parsePlace } from './place.ts';
import { type Watch, watching } from './watch.ts';

/** What every verb that moves an image takes. */
export type TransferOptions = Pick<
  CopyOptions,
  'platforms' | 'sparse' | 'referrers' | 'repair' | 'jobs' | 'nondistributable' | 'onEvent' | 'signal'
>;

export interface CopyPlaceOptions extends TransferOptions, WaitOptions {
  /**
   * Fail with COPY_FAILED rather than move a tag that is there. Check and write are two requests: a race can win. With
   * `referrers`, cosign's tags are brought up to date all the same.
   */
  readonly noClobber?: boolean;
  /** Replace an archive that is there. Default: the image is added to it, and a name that it has already means the new one. */
  readonly replace?: boolean;
}

/** Copies from a place to a place, each a reference or `oci:`, `oci-archive:`, `docker-archive:` with a path. */
export async function copyBetween(
  connections: Connections,
  from: string,
  to: string,
  options: CopyPlaceOptions = {},
): Promise<Descriptor> {
  const origin = parsePlace(from);
  const target = withDefaultName(parsePlace(to), origin);
  return transfer(connections, origin, target, options);
}

export function transfer(
  connections: Connections,
  origin: Place,
  target: Place,
  options: CopyPlaceOptions,
): Promise<Descriptor> {
  return watching(options, (watch) => transferWatched(connections, { origin, target }, watch, options));
}

async function transferWatched(
  connections: Connections,
  { origin, target }: { readonly origin: Place; readonly target: Place },
  watch: Watch,
  { noClobber = false, replace = false, noWait = false, onWait, ...rest }: CopyPlaceOptions,
): Promise<Descriptor> {
  const options = { ...rest, ...watch.part() };
  const { signal } = options;
  if (replace) refuseToReplace(target);
  await using source = disposable(
    await openSource(connections, origin, { ...sourceOptions(options), onWork: watch.part().onEvent }),
  );
  const mountFrom = mountSource(source, target);
  await using destination = disposable(
    await openDestination(connections, target, {
      ...mountFrom,
      replace,
      noWait,
      onWait,
      signal,
      onWork: watch.part().onEvent,
    }),
  );
  const { repository, tags } = destination;
  if (noClobber) await refuseToClobber(destination, target, options);
  await checkDigest(source, target, options);
  // A registry vouches for what it has taken; a folder may have been made by anybody.
  const from = origin.kind === 'oci' ? examined(source.repository) : source.repository;
  const root = await copyImage(from, source.reference, repository, {
    ...options,
    ...mountFrom,
    tags,
  });
  await repository.commit({ signal });
  return root;
}

/** Only an archive is written anew as a whole. Throws INVALID_OPTION for any other place. */
export function refuseToReplace(target: Place): void {
  if (target.kind === 'oci-archive' || target.kind === 'docker-archive') return;
  throw new InputError('INVALID_OPTION', 'only an archive can be replaced, and the destination is none');
}

function sourceOptions({ platforms, sparse, signal }: TransferOptions): SourceOptions {
  return { platforms, sparse: sparse === true && platforms !== undefined, signal };
}

/** The repository that blobs may be mounted from: another one of the registry that they go to. */
function mountSource(source: Source, target: Place): { readonly mountFrom?: string } {
  if (target.kind !== 'registry' || source.registry !== target.reference.registry) return {};
  const { name } = source.repository;
  return name === target.reference.repository ? {} : { mountFrom: name };
}

async function refuseToClobber(
  { repository, tags }: Destination,
  target: Place,
  { signal }: TransferOptions,
): Promise<void> {
  for (const tag of tags) {
    const there = await repository.manifests.resolve(tag, { signal });
    if (there === undefined) continue;
    const name = target.kind === 'registry' ? formatReference(target.reference) : `${target.path}:${tag}`;
    throw new CopyError(`refusing to clobber existing tag ${name}@${there.digest}`, {
      side: 'destination',
      step: 'check the tag',
      digest: there.digest,
    });
  }
}

/** A destination that names a digest says what must come out. Throws DIGEST_INVALID before anything is written. */
async function checkDigest(
  { repository, reference }: Source,
  target: Place,
  { platforms, signal }: TransferOptions,
): Promise<void> {
  const expected = target.kind === 'registry' ? target.reference.digest : undefined;
  if (expected === undefined || (expected === reference && platforms === undefined)) return;
  const found = await repository.manifests.get(reference, { signal });
  const root = platforms === undefined ? found : await selectRoot(repository, found, platforms, { signal });
  const actual = root.descriptor.digest;
  if (actual === expected) return;
  throw new ContentError('DIGEST_INVALID', `${repository.name}: ${reference} is ${actual}, not ${expected}`, {
    expected,
    actual,
  });
}

/** What comes from a registry keeps its name where it goes to disk: the tag in a layout, all of it where docker reads. */
function withDefaultName(target: Place, origin: Place): Place {
  if (target.kind === 'registry' || target.name !== undefined) return target;
  if (origin.kind !== 'registry')
    return origin.name === undefined ? target : { ...target, name: origin.name };
  const { tag } = origin.reference;
  if (tag === undefined) return target;
  const { registry, repository } = origin.reference;
  return {
    ...target,
    name: target.kind === 'docker-archive' ? formatReference({ registry, repository, tag }) : tag,
  };
}

/** Lets the place go when the verb is done, finished or not. */
function disposable<T extends Source | Destination>(opened: T): T & AsyncDisposable {
  return { ...opened, [Symbol.asyncDispose]: () => opened.repository[Symbol.asyncDispose]() };
}
