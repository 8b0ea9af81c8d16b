import type { Scenario } from '../scenario.ts';

const near = { rtt: 10 } as const;

/** Scenarios with a large number of things. */
export const many: readonly Scenario[] = [
  {
    name: 'copy-tags',
    title: '200 tags of one repository, an image each, copied at 10 ms round trip',
    wanted: "wall ≤ 0.5 × the best peer's, CPU ≤ 0.9 ms for each request",
    verb: 'copyAll',
    image: { layers: 1, layerSize: 4000 },
    tags: 200,
    network: near,
    runs: 3,
    countDepth: false,
    registries: ['docker-registry'],
  },
  {
    name: 'push-many-layers',
    title: 'push of an image of 120 layers of 64 kB at 10 ms round trip',
    wanted: "wall ≤ 0.5 × the best peer's, CPU ≤ 0.9 ms for each request",
    verb: 'push',
    image: { layers: 120, layerSize: 64_000 },
    network: near,
    runs: 3,
    // Some peers move one layer at a time, which takes hundreds of rounds.
    countDepth: false,
    registries: ['docker-registry'],
  },
  ...[1000, 100_000].map(
    (tags): Scenario => ({
      name: `ls-${tags}`,
      title: `the tags of a repository that has ${tags} of them, in pages of 1000`,
      wanted: 'streamed: no more memory for 100,000 than for 1,000',
      verb: 'ls',
      image: { layers: 1, layerSize: 1000 },
      tags,
      runs: 3,
      countDepth: false,
      registries: ['pages'],
    }),
  ),
];
