import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import type { Registry } from '../../src/store/contract.ts';
import { blobPoints } from './blobs.ts';
import { dataKinds } from './data.ts';
import { runData } from './data-steps.ts';
import type { Point } from './point.ts';
import { registryPoints } from './registry.ts';
import { type House, openHouse } from './stage.ts';
import { uploadPoints } from './uploads.ts';

/**
 * The demands of the distribution-spec's conformance suite, version 1.1 and its main branch: upload cancel, digest
 * headers, tag parameters and announced algorithms, and sparse data.
 * @see https://github.com/opencontainers/distribution-spec/tree/main/conformance
 */
async function openDisk(): Promise<Registry & AsyncDisposable> {
  const root = await mkdtemp(join(tmpdir(), 'gantry-conformance-'));
  const registry = await openDiskRegistry(root);
  return {
    repository: (name, intent) => registry.repository(name, intent),
    repositories: (options) => registry.repositories(options),
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

const stacks = [
  ['memory', async () => createMemoryRegistry(), 'no login'],
  ['memory', async () => createMemoryRegistry(), 'Basic'],
  ['disk', openDisk, 'no login'],
  ['disk', openDisk, 'tokens'],
] as const;

for (const [stack, open, guard] of stacks) {
  describe(`a registry in ${stack} conforms, ${guard}`, () => {
    let house: House;
    before(async () => {
      house = await openHouse(open, guard);
    });
    after(() => house.close());
    const declare = (points: readonly Point[]): void => {
      for (const { end, name, run } of points) it(`${end}: ${name}`, () => run(house.stage()));
    };
    declare(registryPoints);
    for (const algorithm of ['sha256', 'sha512'] as const) {
      describe(`blobs by ${algorithm}`, () => {
        declare(uploadPoints(algorithm));
        declare(blobPoints(algorithm));
      });
    }
    for (const kind of dataKinds)
      it(`a push and a pull of ${kind.name} succeed, and a deletion removes it`, (test) =>
        runData(test, house.stage(), kind));
  });
}
