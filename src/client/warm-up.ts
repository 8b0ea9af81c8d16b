import { createHasher } from '../flow/hash.ts';
import type { Connections } from './connections.ts';
import { countBlobs, type OnDisk, type Place } from './place.ts';

/** The requests that an image takes at once, as far as gantry can tell before it reads the image. */
const expected = { push: 8, pull: 8, copyFrom: 4, copyTo: 8, tag: 1 };

/** Opens the connections of a verb while its own file loads. */
export async function warmUp(
  connections: Connections,
  verb: keyof typeof expected,
  ...places: readonly Place[]
): Promise<void> {
  await preconnect(connections, places, expected[verb]);
}

/** As `warmUp`, for a push: it begins with a question for each blob. */
export async function warmUpPush(
  connections: Connections,
  origin: string | OnDisk,
  target: Place,
): Promise<void> {
  await preconnect(connections, [target], (await countBlobs(origin)) ?? expected.push);
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
