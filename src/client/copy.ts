import { type CopyOptions, copyImage } from '../copy/copy.ts';
import { examined } from '../copy/examined.ts';
import { selectRoot } from '../copy/select.ts';
import { ContentError, CopyError, InputError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { formatReference, type Reference } from '../spec/reference.ts';
import type { Connections } from './connections.ts';
import type { Source, SourceOptions } from './disk-source.ts';
import { type Destination, openDestination, openSource, type WaitOptions } from './open.ts';
import type { OnDisk, Place } from './place.ts';
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
  from: Place,
  to: Place,
  options: CopyPlaceOptions = {},
): Promise<Descriptor> {
  return transfer(connections, from, withDefaultName(to, from), options);
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
  const from = isChecked(origin) ? source.repository : examined(source.repository);
  const root = await copyImage(from, source.reference, repository, {
    ...options,
    ...mountFrom,
    tags,
  });
  await repository.commit({ signal });
  return root;
}

/** Returns whether the content of a place was checked when it came there: a registry and an archive check it. */
function isChecked({ kind }: Place): boolean {
  switch (kind) {
    case 'registry':
    case 'oci-archive':
    case 'docker-archive':
      return true;
    case 'oci':
      return false;
    default:
      return kind satisfies never;
  }
}

/**
 * Accepts a destination that can be replaced as a whole, which is an archive.
 * @throws INVALID_OPTION for any other place
 */
export function refuseToReplace({ kind }: Place): void {
  switch (kind) {
    case 'oci-archive':
    case 'docker-archive':
      break;
    case 'registry':
    case 'oci':
      throw new InputError('INVALID_OPTION', 'only an archive can be replaced, and the destination is none');
    default:
      kind satisfies never;
  }
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

/** Gives a destination on disk without a name the name of the source. */
function withDefaultName(target: Place, origin: Place): Place {
  if (target.kind === 'registry' || target.name !== undefined) return target;
  const name = origin.kind === 'registry' ? nameOnDisk(origin.reference, target.kind) : origin.name;
  return name === undefined ? target : { ...target, name };
}

/** Returns the name of a reference on disk: its tag, or the full name for docker. */
function nameOnDisk({ registry, repository, tag }: Reference, kind: OnDisk['kind']): string | undefined {
  if (tag === undefined) return undefined;
  switch (kind) {
    case 'oci':
    case 'oci-archive':
      return tag;
    case 'docker-archive':
      return formatReference({ registry, repository, tag });
    default:
      return kind satisfies never;
  }
}

/** Lets the place go when the verb is done, finished or not. */
function disposable<T extends Source | Destination>(opened: T): T & AsyncDisposable {
  return { ...opened, [Symbol.asyncDispose]: () => opened.repository[Symbol.asyncDispose]() };
}
