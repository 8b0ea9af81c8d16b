import type { Engine } from '../daemon/engine.ts';
import { InputError, NotFoundError } from '../errors.ts';
import type { WorkLedger } from '../flow/work.ts';
import { formatPlatform, type Platform } from '../spec/platform.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { DaemonPlace, Place } from './place.ts';

/** A daemon opened for writing, and the tag of the image in it. */
interface DaemonDestination {
  readonly repository: Repository;
  readonly tags: readonly string[];
}

/**
 * Opens the daemon for writing. Dispose the repository.
 * @throws INVALID_REFERENCE when the place has no name with a tag
 */
export async function openDaemonDestination(
  connections: Connections,
  { name }: DaemonPlace,
  { works, signal }: SignalOptions & { readonly works: WorkLedger },
): Promise<DaemonDestination> {
  const { nameToLoad } = await import('../daemon/image-name.ts');
  const { registry, repository, tag } = nameToLoad(name);
  const { createLoad } = await import('../daemon/load.ts');
  const engine = await connections.daemon();
  const opened = await createLoad(engine, { registry, repository }, works, { signal });
  return { repository: opened, tags: [tag] };
}

/**
 * Returns the one platform of an index that a place takes, as a list: the chosen one, or that of the daemon's containers.
 * Returns undefined for a place that takes whole indexes.
 * @throws INVALID_OPTION when several are chosen
 */
export async function onePlatform(
  connections: Connections,
  target: Place,
  chosen: readonly (Platform | string)[] | undefined,
  options: SignalOptions,
): Promise<readonly (Platform | string)[] | undefined> {
  if (target.kind !== 'docker-daemon') return undefined;
  const engine = await connections.daemon();
  const { store, platform } = await engine.facts(options);
  if (store === 'containerd') return undefined;
  if (chosen === undefined) return [platform];
  if (chosen.length <= 1) return chosen;
  throw new InputError(
    'INVALID_OPTION',
    `${engine.name} keeps one platform of an image: choose one, such as ${formatPlatform(platform)}`,
  );
}

/** Returns whether the daemon has the image. */
export async function daemonHas(
  connections: Connections,
  { name }: DaemonPlace,
  options: SignalOptions,
): Promise<boolean> {
  const { knownName } = await import('../daemon/images.ts');
  return (await knownName(await connections.daemon(), name, options)) !== undefined;
}

/** Returns the error for an image that the daemon does not have. */
export function absentImage(engine: Pick<Engine, 'name'>, { name }: DaemonPlace): NotFoundError {
  return new NotFoundError(
    'MANIFEST_UNKNOWN',
    `${engine.name} has no image ${name}: "docker image ls" lists its images`,
  );
}
