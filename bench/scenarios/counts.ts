import type { Scenario } from '../scenario.ts';
import { fiveLayers } from './slow-network.ts';

/**
 * Scenarios that count the requests to a registry and the responses that follow one another. Tests hold gantry to these
 * figures.
 */
export const counts: readonly Scenario[] = (
  [
    {
      name: 'push-new',
      title: 'push of a new image of 5 layers, token login',
      wanted: '≤ 22 requests, depth ≤ 6 cold and ≤ 4 warm',
      verb: 'push',
      image: fiveLayers,
      warm: true,
    },
    {
      name: 'push-new-tag',
      title: 'push of existing content under another tag, token login',
      wanted: 'no byte that the registry has, ≤ 10 requests, depth ≤ 4',
      verb: 'push',
      image: fiveLayers,
      holds: 'its content under another tag',
      warm: true,
    },
    {
      name: 'push-changed',
      title: 'push of an image of which one layer is new, token login',
      wanted: 'no byte that the registry has, ≤ 14 requests, depth ≤ 6',
      verb: 'push',
      image: fiveLayers,
      holds: 'all but one layer',
      warm: true,
    },
    {
      name: 'push-again',
      title: 'push of an image that is there, token login',
      wanted: '≤ 9 requests, depth ≤ 3 cold and 1 warm',
      verb: 'push',
      image: fiveLayers,
      holds: 'the image',
      warm: true,
    },
    {
      name: 'copy-index',
      title: 'copy of a 2-platform index with 8 blobs between registries, token login on both',
      wanted: '≤ 45 requests, depth ≤ 9',
      verb: 'copy',
      image: { platforms: 2, layers: 3, layerSize: 200_000 },
    },
    {
      name: 'tag',
      title: 'a further tag, token login',
      wanted: '≤ 4 requests',
      verb: 'tag',
      image: fiveLayers,
    },
    {
      name: 'digest',
      title: 'the digest of a tag, token login',
      wanted: '≤ 3 requests',
      verb: 'digest',
      image: fiveLayers,
    },
    {
      name: 'ls',
      title: 'the tags of a repository, token login',
      wanted: '≤ 3 requests',
      verb: 'ls',
      image: fiveLayers,
    },
  ] satisfies readonly Omit<Scenario, 'login' | 'runs'>[]
).map((scenario) => ({ ...scenario, login: true, runs: 2 }));
