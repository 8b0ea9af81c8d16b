import { ContentError, InputError } from '../errors.ts';
import type { Content } from '../flow/content.ts';
import type { LayoutRepository, OpenLayoutOptions } from '../layout/repository.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import { parseReference, parseRepository } from '../spec/reference.ts';
import { isCosignTag } from '../spec/referrers-tag.ts';
import type { Action, Repository, SignalOptions } from '../store/contract.ts';
import { subjectOf } from '../store/referrers.ts';
import type { Connections } from './connections.ts';
import type { Place } from './place.ts';

/** Where to read from, and under which name. */
export interface Source {
  readonly repository: Repository;
  /** Tag or digest. */
  readonly reference: string;
  /** Of a registry: its own name, so that a destination on the same registry can mount. */
  readonly registry?: string;
}

/** Where to write to, and under which names. */
export interface Destination {
  readonly repository: Repository;
  readonly tags: readonly string[];
  readonly registry?: string;
}

export async function openSource(
  connections: Connections,
  place: Place,
  options: SignalOptions = {},
): Promise<Source> {
  if (place.kind === 'registry') {
    const { reference } = place;
    const { registry, repository: name, tag = 'latest', digest } = reference;
    const repository = connections.registry(reference).repository(name, { actions: ['pull'] });
    return { repository, reference: digest ?? tag, registry };
  }
  const { repository, roots } = await openRoots(place, options);
  try {
    if (place.name !== undefined) return { repository, reference: place.name };
    const own = await withoutReferrers(repository, roots, options);
    return { repository, reference: onlyRoot(own, place.path).digest };
  } catch (error) {
    await repository[Symbol.asyncDispose]();
    throw error;
  }
}

/** A place on disk with all that it names. */
export async function openRoots(
  place: Exclude<Place, { kind: 'registry' }>,
  options: SignalOptions = {},
): Promise<DiskPlace> {
  if (place.kind === 'oci') {
    const { openLayout } = await import('../layout/repository.ts');
    const layout = await openLayout(place.path, { ...options, mode: 'read' });
    return { repository: layout, roots: await layout.roots(options), index: () => layout.index(options) };
  }
  const { openArchive } = await import('../archive/read.ts');
  const archive = await openArchive(place.path, options);
  try {
    return { repository: archive, roots: await archive.roots(options) };
  } catch (error) {
    await archive[Symbol.asyncDispose]();
    throw error;
  }
}

export interface DiskPlace {
  readonly repository: Repository;
  readonly roots: readonly Descriptor[];
  /** The list of the roots as the place has it, where it has one that can be pushed. */
  readonly index?: () => Promise<Manifest>;
}

/** A place with one image needs no name for it; one with several does. What has no name gives way to what has. */
function onlyRoot(roots: readonly Descriptor[], path: string): Descriptor {
  // oras lists the children of an index beside it, without a name, and so the referrers of an image.
  const named = roots.filter(({ annotations }) => annotations?.[refName] !== undefined);
  const distinct = new Map((named.length > 0 ? named : roots).map((root) => [root.digest, root]));
  const [root] = distinct.values();
  if (root !== undefined && distinct.size === 1) return root;
  const names = [...distinct.values()].map(({ digest, annotations }) => annotations?.[refName] ?? digest);
  const what =
    distinct.size === 0 ? 'holds no image' : `holds ${distinct.size} images, say which: ${names.join(', ')}`;
  throw new ContentError('MANIFEST_INVALID', `${path} ${what}`);
}

const refName = 'org.opencontainers.image.ref.name';

/** The roots that are there for their own sake: what a copy has brought along for another is not what is meant. */
async function withoutReferrers(
  { manifests }: Repository,
  roots: readonly Descriptor[],
  options: SignalOptions,
): Promise<readonly Descriptor[]> {
  if (roots.length < 2) return roots;
  const digests = new Set(roots.map(({ digest }) => digest));
  const own = roots.map(async ({ digest, annotations }) => {
    if (isCosignTag(annotations?.[refName] ?? '')) return false;
    if ((await manifests.resolve(digest, options)) === undefined) return true;
    const subject = subjectOf(await manifests.get(digest, options));
    if (subject === undefined) return true;
    return !digests.has(subject) && (await manifests.resolve(subject, options)) === undefined;
  });
  const isOwn = await Promise.all(own);
  return roots.filter((_, at) => isOwn[at] === true);
}

/** What a verb does where another process writes to the same layout. */
export interface WaitOptions {
  /** Fail with IN_USE at once rather than wait until it has ended. */
  readonly noWait?: boolean;
  /** Called once, after two seconds, with a sentence that says what is waited for. */
  readonly onWait?: ((reason: string) => void) | undefined;
}

/** A layout to write to. Only the signal ends the wait for another writer. */
export async function openForWriting(
  path: string,
  { noWait = false, ...options }: WaitOptions & SignalOptions & Pick<OpenLayoutOptions, 'cache'>,
): Promise<LayoutRepository> {
  const { openLayout } = await import('../layout/repository.ts');
  return openLayout(path, { ...options, mode: 'write', wait: noWait ? 0 : Number.POSITIVE_INFINITY });
}

interface DestinationOptions extends SignalOptions, WaitOptions {
  readonly mountFrom?: string;
}

/** `mountFrom`: the repository that the content comes from, where that is on the same registry. */
export async function openDestination(
  connections: Connections,
  place: Place,
  { mountFrom, ...options }: DestinationOptions = {},
): Promise<Destination> {
  if (place.kind === 'registry') {
    const { reference } = place;
    const { registry, repository: name, tag } = reference;
    const repository = connections.registry(reference).repository(name, {
      actions: ['pull', 'push'],
      ...(mountFrom === undefined ? {} : { mountFrom: [mountFrom] }),
    });
    return { repository, tags: tag === undefined ? [] : [tag], registry };
  }
  const tags = place.name === undefined ? [] : [place.name];
  if (place.kind === 'oci') return { repository: await openForWriting(place.path, options), tags };
  const { createArchive } = await import('../archive/write.ts');
  const format = place.kind === 'oci-archive' ? 'oci' : 'docker';
  return { repository: await createArchive(place.path, { format }), tags };
}

/** `text`: `repository@digest`. Nothing is fetched until the content is opened. Throws INVALID_REFERENCE without a digest. */
export function openBlob(connections: Connections, text: string): Content {
  const { digest, ...reference } = parseReference(text, { defaultTag: null });
  if (digest === undefined)
    throw new InputError('INVALID_REFERENCE', `"${text}" names no blob: repository@digest`);
  return connections
    .registry(reference)
    .repository(reference.repository, { actions: ['pull'] })
    .blobs.open(digest);
}

/** `text`: a reference without tag and digest. Throws INVALID_REFERENCE if it has one. */
export function openRepository(
  connections: Connections,
  text: string,
  actions: readonly Action[] = ['pull'],
): Repository {
  const reference = parseRepository(text);
  return connections.registry(reference).repository(reference.repository, { actions });
}
