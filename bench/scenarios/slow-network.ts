import type { Scenario } from '../scenario.ts';

/** The image of a typical application: five layers, small enough for the round trips to matter. */
export const fiveLayers = { layers: 5, layerSize: 200_000 } as const;
const fourPlatforms = { platforms: 4, layers: 3, layerSize: 200_000 } as const;
const far = { rtt: 50 } as const;

/** Scenarios in which people wait for round trips. */
export const slowNetwork: readonly Scenario[] = [
  {
    name: 'push-far',
    title: 'push of a new image of 5 layers at 50 ms round trip',
    wanted: "wall ≤ 0.5 × crane's, and below every peer's",
    verb: 'push',
    image: fiveLayers,
    network: far,
    runs: 3,
  },
  {
    name: 'push-index-far',
    title: 'push of a new 4-platform index at 50 ms round trip',
    wanted: "wall ≤ 0.5 × crane's, and below every peer's",
    verb: 'push',
    image: fourPlatforms,
    network: far,
    runs: 3,
    registries: ['docker-registry'],
  },
  {
    name: 'copy-index-far',
    title: 'copy of a 4-platform index between two registries, both at 50 ms round trip',
    wanted: "wall ≤ 0.5 × crane's, and below every peer's",
    verb: 'copy',
    image: fourPlatforms,
    network: far,
    runs: 3,
  },
  {
    name: 'pull-index-far',
    title: 'pull of a 4-platform index into a layout at 50 ms round trip',
    wanted: "wall ≤ 0.8 × the best peer's",
    verb: 'pull',
    image: fourPlatforms,
    network: far,
    runs: 3,
  },
  {
    name: 'tag-far',
    title: 'a further tag at 50 ms round trip',
    wanted: "wall less the runtime's own start ≤ the best peer's",
    verb: 'tag',
    image: fiveLayers,
    network: far,
    runs: 3,
    registries: ['docker-registry'],
    lessStart: true,
  },
  {
    name: 'mutate-far',
    title: 'a label in the config of an image of 5 layers, under another tag, at 50 ms round trip',
    wanted: "wall ≤ 0.5 × crane's",
    verb: 'mutate',
    image: fiveLayers,
    network: far,
    runs: 3,
  },
  {
    name: 'push-again-far',
    title: 'push of an image that is there, at 50 ms round trip',
    wanted: "wall less the runtime's own start ≤ the best peer's",
    verb: 'push',
    image: fiveLayers,
    holds: 'the image',
    network: far,
    runs: 3,
    registries: ['docker-registry'],
    lessStart: true,
  },
];
