import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registryContract } from '../testing/contract.ts';
import { openDiskRegistry } from './registry.ts';

registryContract('disk', async (test) => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-disk-'));
  const registry = await openDiskRegistry(join(folder, 'store'));
  test.after(async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  return registry;
});
