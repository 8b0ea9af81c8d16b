import { InputError } from '../errors.ts';
import type { Content } from '../flow/content.ts';
import type { WorkLedger } from '../flow/work.ts';
import type { LayoutRepository, OpenLayoutOptions } from '../layout/repository.ts';
import type { Reference } from '../spec/reference.ts';
import type { Action, Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { OpenedSource, SourceOptions } from './disk-source.ts';
import {
  type ArchivePlace,
  formatPlace,
  type OnDisk,
  type Place,
  toReference,
  toRepository,
} from './place.ts';
import { createArchiveAt } from './standard.ts';

/** A place opened for writing, and the names of the image in it. */
export interface Destination {
  readonly repository: Repository;
  readonly tags: readonly string[];
  readonly registry?: string;
}

/** Returns the name of a manifest for its repository: the digest, or else the tag. */
export function manifestName({ digest, tag = 'latest' }: Reference): string {
  return digest ?? tag;
}

/** Opens a place for reading. Dispose the repository. */
export async function openSource(
  connections: Connections,
  place: Place,
  options: SourceOptions = {},
): Promise<OpenedSource> {
  switch (place.kind) {
    case 'registry':
      return openRegistrySource(connections, place.reference);
    case 'oci':
    case 'oci-archive':
    case 'docker-archive':
    case 'docker-daemon': {
      const { openDiskSource } = await import('./disk-source.ts');
      return openDiskSource(connections, place, options);
    }
    default:
      return place satisfies never;
  }
}

/** Opens a reference for reading. */
export function openRegistrySource(connections: Connections, reference: Reference): OpenedSource {
  const repository = connections.repository(reference, { actions: ['pull'] });
  return { repository, reference: manifestName(reference), registry: reference.registry };
}

/** Settings for the wait while another process writes to the same layout, or adds to the same archive. */
export interface WaitOptions {
  /**
   * Fails with IN_USE at once instead of waiting until the other process ends.
   * @defaultValue `false`
   */
  readonly noWait?: boolean | undefined;
  /** Receives one sentence with the reason of the wait, after two seconds. */
  readonly onWait?: ((reason: string) => void) | undefined;
}

/** Opens a layout for writing. Only the signal ends the wait for another writer. */
export async function openForWriting(
  path: string,
  { noWait = false, onWait, signal, cache }: WaitOptions & SignalOptions & Pick<OpenLayoutOptions, 'cache'>,
): Promise<LayoutRepository> {
  const { openLayout } = await import('../layout/repository.ts');
  return openLayout(path, {
    mode: 'write',
    wait: noWait ? 0 : Number.POSITIVE_INFINITY,
    onWait,
    signal,
    cache,
  });
}

interface DestinationOptions extends SignalOptions, WaitOptions {
  /** The repositories of the same registry that content comes from. */
  readonly mountFrom?: readonly string[] | undefined;
  /** Counts the unpacking and writing of an archive. */
  readonly works: WorkLedger;
  /** Whether an existing archive is replaced. By default the image is added to it. */
  readonly replace?: boolean | undefined;
}

/** Opens a place for writing. Dispose the repository. */
export async function openDestination(
  connections: Connections,
  place: Place,
  options: DestinationOptions,
): Promise<Destination> {
  switch (place.kind) {
    case 'registry': {
      const { registry, tag } = place.reference;
      const intent = { actions: ['pull', 'push'], mountFrom: options.mountFrom } as const;
      const repository = connections.repository(place.reference, intent);
      return { repository, tags: tag === undefined ? [] : [tag], registry };
    }
    case 'oci':
      return { repository: await openForWriting(place.path, options), tags: namesOf(place) };
    case 'oci-archive':
      return createArchivePlace(connections, place, 'oci', options);
    case 'docker-archive':
      return createArchivePlace(connections, place, 'docker', options);
    case 'docker-daemon': {
      const { openDaemonDestination } = await import('./daemon-place.ts');
      return openDaemonDestination(connections, place, options);
    }
    default:
      return place satisfies never;
  }
}

function namesOf({ name }: OnDisk): readonly string[] {
  return name === undefined ? [] : [name];
}

async function createArchivePlace(
  connections: Connections,
  place: ArchivePlace,
  format: 'oci' | 'docker',
  { replace = false, noWait = false, onWait, works, signal }: DestinationOptions,
): Promise<Destination> {
  const wait = noWait ? 0 : Number.POSITIVE_INFINITY;
  const existing = replace ? 'replace' : 'add';
  const options = { signal, onWait, format, existing, wait } as const;
  const repository = await createArchiveAt(connections, place.path, options, works);
  return { repository, tags: namesOf(place) };
}

/**
 * Returns the blob that `repository@digest` names. gantry fetches nothing until the content is opened.
 * @throws INVALID_REFERENCE when the place has no digest
 */
export function openBlob(connections: Connections, place: string | Place): Content {
  const { digest, ...reference } = toReference(place, 'a blob of a repository', { defaultTag: null });
  if (digest === undefined)
    throw new InputError('INVALID_REFERENCE', `"${formatPlace(place)}" names no blob: repository@digest`);
  return connections.repository(reference, { actions: ['pull'] }).blobs.open(digest);
}

/**
 * Opens the repository that a text names.
 * @throws INVALID_REFERENCE when the text has a tag or a digest
 */
export function openRepository(
  connections: Connections,
  text: string,
  actions: readonly Action[] = ['pull'],
): Repository {
  return connections.repository(toRepository(text), { actions });
}
