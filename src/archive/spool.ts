import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onDisk } from './failure.ts';
import { type FileContent, type OpenedFile, openFile, writeFile } from './file.ts';

/** Room on disk for bytes that must be sought or read twice. Nothing is made before it is needed; disposing removes all. */
export interface Spool extends AsyncDisposable {
  keep(source: AsyncIterable<Uint8Array>): Promise<FileContent>;
}

export function createSpool(): Spool {
  const files: OpenedFile[] = [];
  let folder: Promise<string> | undefined;
  let count = 0;
  return {
    async keep(source) {
      folder ??= onDisk(tmpdir(), () => mkdtemp(join(tmpdir(), 'gantry-')));
      count++;
      const path = join(await folder, String(count));
      try {
        await writeFile(path, source);
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
      const file = await openFile(path);
      files.push(file);
      return file.content;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(files.splice(0).map((file) => file.close()));
      const made = await folder?.catch(() => undefined);
      if (made !== undefined) await rm(made, { recursive: true, force: true });
    },
  };
}
