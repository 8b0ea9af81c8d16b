import type { Scenario } from '../scenario.ts';
import { fiveLayers } from './slow-network.ts';

/** Scenarios that compare a whole client with an empty program, where nothing else takes long. */
export const startUp: readonly Scenario[] = [
  {
    name: 'start-version',
    title: '`gantry version`, beside an empty program on the same Node',
    wanted: '≤ 1.3 on each Node',
    verb: 'version',
    image: fiveLayers,
    tools: 'runtimes',
    runs: 11,
    registries: ['docker-registry'],
  },
  {
    name: 'start-digest',
    title:
      '`gantry digest` at no latency, on Node 20 beside an empty program, on later ones beside a script that sends the same request',
    wanted: '≤ 1.8 on Node 20, ≤ 1.3 on Node 22, 24 and 26',
    verb: 'digest',
    image: fiveLayers,
    tools: 'runtimes',
    runs: 11,
    registries: ['docker-registry'],
  },
  {
    name: 'start-precompiled',
    title: '`gantry digest` at no latency with the bytecode of its core, beside the same files without it',
    wanted: 'CPU ≤ 0.95, or the bytecode goes',
    verb: 'digest',
    image: fiveLayers,
    tools: 'precompiled',
    runs: 40,
    registries: ['docker-registry'],
  },
  {
    name: 'executable-version',
    title: '`version` of the executable file, beside crane',
    wanted: '≤ 3 × crane',
    verb: 'version',
    image: fiveLayers,
    tools: 'executable',
    runs: 15,
    registries: ['docker-registry'],
  },
  {
    name: 'executable-digest',
    title: '`digest` of the executable file at no latency, beside crane',
    wanted: '≤ 3 × crane',
    verb: 'digest',
    image: fiveLayers,
    tools: 'executable',
    runs: 15,
    registries: ['docker-registry'],
  },
];
