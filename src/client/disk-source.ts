import { demandPresent, presentPart } from '../copy/present.ts';
import { makeIndex } from '../image/create-index.ts';
import { withManifest } from '../image/source.ts';
import type { Repository } from '../store/contract.ts';
import { type ChooseOptions, chooseEntries } from './choose-entry.ts';
import type { Connections } from './connections.ts';
import { type DiskPlace, type OpenPlaceOptions, openDiskPlace } from './disk-place.ts';
import type { LocalPlace } from './place.ts';

/** A place opened for reading, and the name of the image in it. */
export interface OpenedSource {
  readonly repository: Repository;
  /** Tag or digest. */
  readonly reference: string;
  /** The name of the registry, if the place is one: a destination on the same registry can mount. */
  readonly registry?: string;
}

/** Settings for opening a source. */
export interface SourceOptions extends ChooseOptions, OpenPlaceOptions {
  /** Whether an index stays unchanged even when the place holds only a part of it. */
  readonly sparse?: boolean | undefined;
}

/** Opens a place on this machine and chooses the image or index in it. Dispose the repository. */
export async function openDiskSource(
  connections: Connections,
  place: LocalPlace,
  options: SourceOptions,
): Promise<OpenedSource> {
  const { platforms, signal, works } = options;
  const opened = await openDiskPlace(connections, place, { platforms, signal, works });
  // A daemon has saved only the image of that name.
  const name = place.kind === 'docker-daemon' ? undefined : place.name;
  try {
    return await chosenSource(connections, opened, name, options);
  } catch (error) {
    await opened.repository[Symbol.asyncDispose]();
    throw error;
  }
}

async function chosenSource(
  connections: Connections,
  place: DiskPlace,
  name: string | undefined,
  { sparse = false, ...options }: SourceOptions,
): Promise<OpenedSource> {
  const { repository, path, isPartial } = place;
  const isKnown = name === undefined || place.entries.filter(({ names }) => names.includes(name)).length > 1;
  const [chosen, ...others] = isKnown ? await chooseEntries(place, name, options) : [];
  if (chosen !== undefined && others.length > 0) {
    const index = makeIndex([chosen, ...others]);
    return { repository: withManifest(repository, index), reference: index.descriptor.digest };
  }
  const reference = chosen?.digest ?? name ?? '';
  const isAsked = isPartial ? !sparse : options.platforms !== undefined;
  if (!isAsked || (await repository.manifests.resolve(reference, options)) === undefined) {
    return { repository, reference };
  }
  const whole = await repository.manifests.get(reference, options);
  if (!isPartial) {
    await demandPresent(repository, whole, options);
    return { repository, reference };
  }
  const { root, absent } = await presentPart(repository, whole, options);
  if (root === whole) return { repository, reference: chosen?.digest ?? reference };
  connections.warn(
    path,
    `index ${whole.descriptor.digest} lists ${absent.length} manifests that do not exist here; gantry takes the others: ${root.descriptor.digest}`,
  );
  return { repository: withManifest(repository, root), reference: root.descriptor.digest };
}
