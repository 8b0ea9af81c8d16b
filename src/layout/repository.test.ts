import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryContract } from '../testing/contract.ts';
import { openLayout } from './repository.ts';

repositoryContract(
  'layout',
  async (test) => {
    const folder = await mkdtemp(join(tmpdir(), 'gantry-layout-'));
    const repository = await openLayout(join(folder, 'image'), { mode: 'write' });
    test.after(async () => {
      await repository[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    });
    return repository;
  },
  { mounts: false, mountsFromAny: false },
);
