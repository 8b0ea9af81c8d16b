import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { KeyedTurns } from '../store/turns.ts';
import type { DurableFiles } from './durable.ts';
import type { RepositoryFolder } from './folder.ts';
import { createGate, type Gate } from './gate.ts';
import type { StoreMemory } from './memory.ts';
import type { BlobPool } from './pool.ts';
import type { UploadSessions } from './sessions.ts';
import type { StaleLayouts } from './stale.ts';

/** What all repositories of one open store share. */
export interface RegistryState {
  /** The folder that the repositories' folders stand in. */
  readonly repositories: string;
  readonly files: DurableFiles;
  readonly pool: BlobPool;
  readonly sessions: UploadSessions;
  readonly memory: StoreMemory;
  readonly stale: StaleLayouts;
  /** Of each repository: manifests are put together, and deleted alone. */
  readonly gates: Map<string, Gate>;
  /** Of each manifest. */
  readonly turns: KeyedTurns;
}

export function gateOf({ gates }: RegistryState, name: string): Gate {
  const made = gates.get(name) ?? createGate();
  gates.set(name, made);
  return made;
}

/** The manifest with that digest, if it was put as one. Whether it is there is looked up, what it is remembered. */
export async function describe(
  { memory }: RegistryState,
  folder: RepositoryFolder,
  digest: Digest,
): Promise<Descriptor | undefined> {
  const path = folder.manifestPath(digest);
  const known = memory.descriptors.get(path);
  if (known !== undefined) return (await folder.hasManifest(digest)) ? known : undefined;
  const found = await folder.manifest(digest);
  if (found !== undefined) memory.descriptors.set(path, found);
  return found;
}
