import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Draft, makeDraft } from '../files/draft.ts';
import { type FileContent, type OpenedFile, openFile, writeFile } from './file.ts';

/**
 * Space on disk for bytes that are read at random or twice. Creates its folder on first use; disposing it
 * removes all files.
 */
export interface Spool extends AsyncDisposable {
  keep(source: AsyncIterable<Uint8Array>): Promise<FileContent>;
}

export function createSpool(): Spool {
  const files: OpenedFile[] = [];
  let draft: Promise<Draft> | undefined;
  let count = 0;
  return {
    async keep(source) {
      draft ??= makeDraft(tmpdir());
      // Before the wait: another call may come meanwhile.
      const name = String(++count);
      const path = join((await draft).path, name);
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
      const made = await draft?.catch(() => undefined);
      await made?.[Symbol.asyncDispose]();
    },
  };
}
