import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningRegistry, startDistribution } from '../../bench/support/distribution.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import type { Peer } from '../peer.ts';

export interface RegistryKind {
  readonly name: string;
  readonly needs: readonly Peer[];
  /** Starts an empty registry on a free port of 127.0.0.1. */
  start(): Promise<RunningRegistry>;
}

/** The registries that the peers share with gantry. */
export const registries: readonly RegistryKind[] = [
  { name: 'docker-registry', needs: ['docker-registry'], start: () => startDistribution() },
  { name: 'gantry over memory', needs: [], start: () => startRegistry() },
  { name: 'gantry over disk', needs: [], start: startOverDisk },
];

async function startOverDisk(): Promise<RunningRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-peers-'));
  const store = await openDiskRegistry(join(folder, 'store'));
  const registry = await startRegistry({ registry: store });
  return {
    host: registry.host,
    async [Symbol.asyncDispose]() {
      await registry.close();
      await store[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
