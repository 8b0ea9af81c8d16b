import { InputError } from '../errors.ts';
import type { Content } from '../flow/content.ts';
import type { WorkObserver } from '../flow/work.ts';
import type { LayoutRepository, OpenLayoutOptions } from '../layout/repository.ts';
import { parseReference, parseRepository, type Reference } from '../spec/reference.ts';
import type { Action, Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { Source, SourceOptions } from './disk-source.ts';
import { inRegistry, type Place } from './place.ts';
import { createArchiveAt } from './standard.ts';

/** Where to write to, and under which names. */
export interface Destination {
  readonly repository: Repository;
  readonly tags: readonly string[];
  readonly registry?: string;
}

/** Returns the name of a manifest for its repository: the digest, or else the tag. */
export function manifestName({ digest, tag = 'latest' }: Reference): string {
  return digest ?? tag;
}

export async function openSource(
  connections: Connections,
  place: Place,
  options: SourceOptions = {},
): Promise<Source> {
  if (place.kind === 'registry') {
    const { reference } = place;
    const repository = connections.repository(reference, { actions: ['pull'] });
    return { repository, reference: manifestName(reference), registry: reference.registry };
  }
  const { openDiskSource } = await import('./disk-source.ts');
  return openDiskSource(connections, place, options);
}

/** What a verb does where another process writes to the same layout, or adds to the same archive. */
export interface WaitOptions {
  /** Fail with IN_USE at once rather than wait until it has ended. */
  readonly noWait?: boolean;
  /** Called once, after two seconds, with a sentence that says what is waited for. */
  readonly onWait?: ((reason: string) => void) | undefined;
}

/** A layout to write to. Only the signal ends the wait for another writer. */
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
  readonly mountFrom?: string;
  /** Told how far an archive is with unpacking and writing. */
  readonly onWork?: WorkObserver | undefined;
  /** Whether an archive that is there is replaced. Default: it is added to. */
  readonly replace?: boolean;
}

/** `mountFrom`: the repository that the content comes from, where that is on the same registry. */
export async function openDestination(
  connections: Connections,
  place: Place,
  { mountFrom, replace = false, onWork, ...options }: DestinationOptions = {},
): Promise<Destination> {
  if (place.kind === 'registry') {
    const { reference } = place;
    const { registry, tag } = reference;
    const repository = connections.repository(reference, {
      actions: ['pull', 'push'],
      ...(mountFrom === undefined ? {} : { mountFrom: [mountFrom] }),
    });
    return { repository, tags: tag === undefined ? [] : [tag], registry };
  }
  const tags = place.name === undefined ? [] : [place.name];
  if (place.kind === 'oci') return { repository: await openForWriting(place.path, options), tags };
  const format = place.kind === 'oci-archive' ? 'oci' : 'docker';
  const { noWait = false, onWait, signal } = options;
  const wait = noWait ? 0 : Number.POSITIVE_INFINITY;
  const existing = replace ? 'replace' : 'add';
  return {
    repository: await createArchiveAt(connections, place.path, {
      signal,
      onWait,
      format,
      existing,
      wait,
      onWork,
    }),
    tags,
  };
}

/** `text`: `repository@digest`. Nothing is fetched until the content is opened. Throws INVALID_REFERENCE without a digest. */
export function openBlob(connections: Connections, text: string): Content {
  const { digest, ...reference } = parseReference(inRegistry(text, 'a blob of a repository'), {
    defaultTag: null,
  });
  if (digest === undefined)
    throw new InputError('INVALID_REFERENCE', `"${text}" names no blob: repository@digest`);
  return connections.repository(reference, { actions: ['pull'] }).blobs.open(digest);
}

/** `text`: a reference without tag and digest. Throws INVALID_REFERENCE if it has one. */
export function openRepository(
  connections: Connections,
  text: string,
  actions: readonly Action[] = ['pull'],
): Repository {
  const reference = parseRepository(inRegistry(text, 'a repository'));
  return connections.repository(reference, { actions });
}
