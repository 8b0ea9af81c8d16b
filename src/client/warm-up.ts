import { createHasher } from '../flow/hash.ts';
import type { Connections } from './connections.ts';
import { digestsIn, type LocalPlace, type Place, type RegistryPlace, toPlace } from './place.ts';

/** The requests that an image takes at once, as far as gantry can tell before it reads the image. */
const expected = { push: 8, pull: 8, copyFrom: 4, copyTo: 8, tag: 1, editFrom: 1, editTo: 7 };

/** Opens the connections of a verb while its own file loads. */
export async function warmUp(
  connections: Connections,
  verb: keyof typeof expected,
  ...places: readonly Place[]
): Promise<void> {
  await preconnect(connections, places, expected[verb]);
}

/**
 * As `warmUp`, for a push: it begins with a question for each blob, and with only one if the layout has the image that gantry has
 * left under the tag.
 */
export async function warmUpPush(
  connections: Connections,
  origin: string | LocalPlace,
  target: RegistryPlace,
): Promise<void> {
  const { reference } = target;
  const { manifests } = connections.repository(reference, { actions: ['pull', 'push'] });
  const [known, digests] = await Promise.all([manifests.known?.(), digestsIn(origin)]);
  const left = reference.tag === undefined ? undefined : known?.get(reference.tag);
  const isThere = left !== undefined && digests?.includes(left) === true;
  await preconnect(connections, [target], isThere ? 1 : (digests?.length ?? expected.push));
}

/** As `warmUp`, for a verb that changes the image at `source`, and writes it to `to`, by default back there. */
export async function warmUpEdit(
  connections: Connections,
  source: string | Place | undefined,
  {
    to = source,
    dryRun = false,
  }: { readonly to?: string | Place | undefined; readonly dryRun?: boolean | undefined },
): Promise<void> {
  if (source !== undefined) await warmUp(connections, 'editFrom', toPlace(source));
  if (to !== undefined && !dryRun) await warmUp(connections, 'editTo', toPlace(to));
}

async function preconnect(
  connections: Connections,
  places: readonly Place[],
  requests: number,
): Promise<void> {
  for (const place of places) {
    if (place.kind === 'registry') await connections.preconnect(place.reference, requests);
  }
  // gantry hashes all content that arrives. Loading the hash takes 5 ms, in which the connections come up.
  createHasher();
}
