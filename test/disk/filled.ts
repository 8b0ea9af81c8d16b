import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import type { Manifest } from '../../src/spec/manifest.ts';
import type { Repository } from '../../src/store/contract.ts';
import { blobOf, imageOf, type SampleBlob } from '../../src/testing/contract/sample.ts';
import * as wire from './server.ts';

export async function filled(
  test: TestContext,
  fill: (repository: Repository) => Promise<unknown>,
): Promise<string> {
  const store = await wire.newStore(test);
  await using registry = await openDiskRegistry(store);
  await fill(registry.repository('app'));
  return store;
}

export const folderOf = (store: string, name = 'app'): RepositoryFolder =>
  new RepositoryFolder(join(store, 'repositories'), name);

/** Writes other bytes of the same length, as a damaged disk returns them. */
export async function spoil(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

export const layer: SampleBlob = blobOf('a layer');
export const image: Manifest = imageOf({ layers: [layer] });
export const note: Manifest = imageOf({ subject: image.descriptor });
