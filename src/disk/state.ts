import type { FileUpload } from '../layout/upload.ts';
import { createTurns, type Turns } from '../store/turns.ts';
import type { BlobPool } from './pool.ts';
import type { StaleLayouts } from './stale.ts';

/** What all repositories of one open store share. */
export interface RegistryState {
  /** The folder that the repositories' folders stand in. */
  readonly repositories: string;
  readonly pool: BlobPool;
  /** Sessions that this process has touched, by the path of their file: a running hash lives in the process. */
  readonly uploads: Map<string, Promise<FileUpload>>;
  readonly stale: StaleLayouts;
  /** Changes to the manifests and tags of one repository, one at a time. */
  readonly turns: Map<string, Turns>;
}

export function turnsOf({ turns }: RegistryState, name: string): Turns {
  const made = turns.get(name) ?? createTurns();
  turns.set(name, made);
  return made;
}
