import type { Scenario } from '../scenario.ts';

const oneGibibyte = { layers: 1, layerSize: 1024 * 1024 * 1024 } as const;

/** 2500 files of words of 21 kB in each layer. */
const twentyLayers = { layers: 20, layerSize: 52 * 1024 * 1024, files: 2500 } as const;

/** Scenarios in which people wait for bytes. */
export const bytes: readonly Scenario[] = [
  {
    name: 'push-large',
    title: 'push of a layer of 1 GiB from a layout, loopback',
    wanted: "wall ≤ the best peer's, peak RSS ≤ 90 MiB",
    verb: 'push',
    image: oneGibibyte,
    runs: 2,
    registries: ['docker-registry'],
  },
  {
    name: 'pull-large',
    title: 'pull of a layer of 1 GiB into a layout, loopback',
    wanted: "wall ≤ the best peer's, CPU ≤ 1.15 × crane's, peak RSS ≤ 90 MiB",
    verb: 'pull',
    image: oneGibibyte,
    runs: 2,
  },
  {
    name: 'copy-large',
    title: 'copy of a layer of 1 GiB between registries, loopback',
    wanted: "wall ≤ the best peer's, CPU ≤ 1.15 × crane's, peak RSS ≤ 90 MiB",
    verb: 'copy',
    image: oneGibibyte,
    runs: 2,
    registries: ['docker-registry'],
  },
  {
    name: 'push-large-tls',
    title: 'push of a layer of 1 GiB from a layout over TLS, loopback',
    wanted: "wall ≤ the best peer's",
    verb: 'push',
    image: oneGibibyte,
    tls: true,
    runs: 2,
    registries: ['docker-registry'],
  },
  {
    name: 'pull-large-tls',
    title: 'pull of a layer of 1 GiB into a layout over TLS, loopback',
    wanted: "wall ≤ the best peer's",
    verb: 'pull',
    image: oneGibibyte,
    tls: true,
    runs: 2,
    registries: ['docker-registry'],
  },
  {
    name: 'export-large',
    title: 'export of the files of an image of 1 GiB in 20 layers, loopback',
    wanted: "wall ≤ crane's, peak RSS ≤ 150 MiB",
    verb: 'export',
    image: twentyLayers,
    runs: 2,
    registries: ['docker-registry'],
  },
  {
    name: 'flatten-large',
    title: 'flattening of an image of 1 GiB in 20 layers, loopback',
    wanted: "wall ≤ crane's, peak RSS ≤ 150 MiB",
    verb: 'flatten',
    image: twentyLayers,
    runs: 1,
    registries: ['docker-registry'],
  },
  {
    name: 'append-large',
    title: 'a layer of a tar of 100 MB on top of an image, loopback',
    wanted: "wall ≤ crane's, peak RSS ≤ 150 MiB",
    verb: 'append',
    image: { layers: 1, layerSize: 200_000 },
    runs: 3,
    registries: ['docker-registry'],
  },
  {
    name: 'pull-throttled',
    title: 'pull of a layer of 256 MiB, each connection held to 20 MB/s',
    wanted: '≥ 4 × faster than any peer (ratio ≤ 0.25), peak RSS ≤ 100 MiB',
    verb: 'pull',
    image: { layers: 1, layerSize: 256 * 1024 * 1024 },
    network: { bandwidth: 20_000_000 },
    runs: 2,
    registries: ['docker-registry'],
  },
  {
    name: 'pull-one-slow',
    title: 'pull of a layer of 256 MiB, each connection held to 20 MB/s, and the fifth one to 1 MB/s',
    wanted: 'wall ≤ 1.3 × that of pull-throttled',
    verb: 'pull',
    image: { layers: 1, layerSize: 256 * 1024 * 1024 },
    network: { bandwidth: 20_000_000, slow: { connection: 5, bandwidth: 1_000_000 } },
    runs: 2,
    registries: ['docker-registry'],
  },
];
