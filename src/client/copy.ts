import { type CopyOptions, copyCounted } from '../copy/copy.ts';
import { examined } from '../copy/examined.ts';
import { demandPresent } from '../copy/present.ts';
import { ContentError, CopyError, InputError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { formatReference, type Reference } from '../spec/reference.ts';
import type { Repository } from '../store/contract.ts';
import type { ImageOrigin } from '../store/named-root.ts';
import type { Connections } from './connections.ts';
import { onePlatform } from './daemon-place.ts';
import type { OpenedSource, SourceOptions } from './disk-source.ts';
import { type Destination, openDestination, openSource, type WaitOptions } from './open.ts';
import { formatPlace, type OnDisk, type Place, promisedDigest, referenceOf } from './place.ts';
import { type Watch, watching } from './watch.ts';

/** Settings of every verb that moves an image. */
export type TransferOptions = Pick<
  CopyOptions,
  | 'platforms'
  | 'sparse'
  | 'referrers'
  | 'repair'
  | 'jobs'
  | 'nondistributable'
  | 'admit'
  | 'onEvent'
  | 'signal'
>;

/** Settings of `copy` and `copyRepository`. */
export interface CopyPlaceOptions extends TransferOptions, WaitOptions {
  /**
   * Fails with COPY_FAILED instead of moving an existing tag; `copyRepository` keeps the tag. Check and write are two
   * requests, so another writer can come between them. With `referrers`, gantry updates cosign's tags all the same.
   * @defaultValue `false`
   */
  readonly noClobber?: boolean | undefined;
  /**
   * Replaces an existing archive. By default gantry adds the image, which takes over its name there.
   * @defaultValue `false`
   */
  readonly replace?: boolean | undefined;
}

/** Copies from a place to a place. */
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
  const { ledger, signal } = watch;
  if (replace) refuseToReplace(target);
  if (target.kind === 'docker-daemon' && rest.referrers === true) throw noReferrers();
  const one = await onePlatform(connections, target, rest.platforms, { signal });
  const options = { ...rest, platforms: one ?? rest.platforms, signal };
  const { works } = ledger;
  await using source = disposable(
    await openSource(connections, origin, { ...sourceOptions(options), works }),
  );
  const mountFrom = mountSource(source, target);
  await using destination = disposable(
    await openDestination(connections, target, {
      mountFrom: [mountFrom ?? []].flat(),
      replace,
      noWait,
      onWait,
      signal,
      works,
    }),
  );
  const { repository, tags } = destination;
  const clobber = noClobber ? () => refuseToClobber(destination, target, options) : undefined;
  // It asks the destination, so it comes after a decision about the whole copy.
  if (options.admit === undefined) await clobber?.();
  const admit = admission({ origin, source, target }, { ...options, after: options.admit && clobber });
  const from = isChecked(origin) ? source.repository : examined(source.repository);
  // The check has asked for the tag already.
  const settings = { ...options, mountFrom, admit, tags, tagsAreNew: noClobber };
  const root = await copyCounted(from, source.reference, repository, settings, { ledger });
  await repository.commit({ signal });
  return root;
}

/** Returns whether the content of a place was checked when it came there: a registry and an archive check it. */
function isChecked({ kind }: Place): boolean {
  switch (kind) {
    case 'registry':
    case 'oci-archive':
    case 'docker-archive':
    case 'docker-daemon':
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
    case 'docker-daemon':
      throw new InputError(
        'INVALID_OPTION',
        'the destination is no archive, and only an archive can be replaced: leave out "replace"',
      );
    default:
      kind satisfies never;
  }
}

function sourceOptions({ platforms, sparse, signal }: TransferOptions): Omit<SourceOptions, 'works'> {
  return { platforms, sparse: sparse === true && platforms !== undefined, signal };
}

/** Returns the repository to mount blobs from: another one of the destination registry. */
function mountSource(source: OpenedSource, target: Place): string | undefined {
  if (target.kind !== 'registry' || source.registry !== target.reference.registry) return undefined;
  const { name } = source.repository;
  return name === target.reference.repository ? undefined : name;
}

async function refuseToClobber(
  { repository, tags }: Destination,
  target: Place,
  { signal }: TransferOptions,
): Promise<void> {
  for (const tag of tags) {
    const there = await repository.manifests.resolve(tag, { signal });
    if (there === undefined) continue;
    const name = 'path' in target ? `${target.path}:${tag}` : formatPlace(target);
    throw new CopyError(`refusing to clobber existing tag ${name}@${there.digest}`, {
      side: 'destination',
      step: 'check the tag',
      digest: there.digest,
    });
  }
}

type Admit = NonNullable<CopyOptions['admit']>;

/** Returns the checks of a root before the copy touches the destination: gantry's own, and then the caller's. */
function admission(
  {
    origin,
    source,
    target,
  }: { readonly origin: Place; readonly source: OpenedSource; readonly target: Place },
  {
    platforms,
    sparse = false,
    admit,
    after,
    signal,
  }: TransferOptions & { readonly after?: Admit | undefined },
): Admit | undefined {
  const named = promisedDigest(target);
  // A source that is read by this digest cannot give another one.
  const expected = named === source.reference && platforms === undefined ? undefined : named;
  const checks: readonly (Admit | undefined)[] = [
    expected === undefined ? undefined : (root, from) => checkDigest(from, root, expected),
    isChecked(origin) || (sparse && platforms !== undefined)
      ? undefined
      : (root, from) => demandPresent(from, root, { signal }),
    admit,
    after,
  ];
  const set = checks.filter((check) => check !== undefined);
  if (set.length === 0) return undefined;
  const place = imageOriginOf(origin);
  return async (root, from, named) => {
    for (const check of set) await check(root, from, { ...named, origin: place });
  };
}

/** Returns the source of a copy, as a policy names it. */
export function imageOriginOf(place: Place): ImageOrigin {
  switch (place.kind) {
    case 'registry':
      return { transport: 'docker', name: place.reference.registry };
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
      return {
        transport: place.kind,
        name: place.name === undefined ? place.path : `${place.path}:${place.name}`,
      };
    case 'docker-daemon':
      return { transport: place.kind, name: place.name };
    default:
      return place satisfies never;
  }
}

/**
 * Compares the root of the copy with the digest in the name of the destination.
 * @throws DIGEST_INVALID when they differ
 */
function checkDigest({ name }: Repository, { descriptor }: Manifest, expected: Digest): void {
  const actual = descriptor.digest;
  if (actual === expected) return;
  throw new ContentError('DIGEST_INVALID', `${name}: the image is ${actual}, not ${expected}`, {
    expected,
    actual,
  });
}

/** Gives a destination on disk without a name the name of the source. */
export function withDefaultName(target: Place, origin: Place): Place {
  if (!('path' in target) || target.name !== undefined) return target;
  const reference = referenceOf(origin);
  const own = 'path' in origin ? origin.name : undefined;
  const name = reference === undefined ? own : nameOnDisk(reference, target.kind);
  return name === undefined ? target : { ...target, name };
}

function noReferrers(): InputError {
  return new InputError(
    'INVALID_OPTION',
    'a docker daemon keeps no referrers: leave out "referrers", or copy them to a registry or a layout',
  );
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

/** Disposes the place at the end of the verb. */
function disposable<T extends OpenedSource | Destination>(opened: T): T & AsyncDisposable {
  return { ...opened, [Symbol.asyncDispose]: () => opened.repository[Symbol.asyncDispose]() };
}
