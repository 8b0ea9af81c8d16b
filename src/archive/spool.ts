import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Draft, makeDraft } from '../files/draft.ts';
import { type FileContent, type OpenedFile, openFile, writing } from './file.ts';

/**
 * Space on disk for bytes that are read at random or twice. Creates its folder on first use; disposing it
 * removes all files.
 */
export interface Spool extends AsyncDisposable {
  keep(source: AsyncIterable<Uint8Array>): Promise<FileContent>;
  /** Passes a source on while it is kept. Calls `onKept` before its end; a reader that stops earlier keeps nothing. */
  keeping(
    source: AsyncIterable<Uint8Array>,
    onKept: (content: FileContent) => void,
  ): AsyncIterable<Uint8Array>;
}

export function createSpool(): Spool {
  const files: OpenedFile[] = [];
  let draft: Promise<Draft> | undefined;
  let count = 0;
  async function* keeping(
    source: AsyncIterable<Uint8Array>,
    onKept: (content: FileContent) => void,
  ): AsyncIterable<Uint8Array> {
    draft ??= makeDraft(tmpdir());
    // Before the wait: another call may come meanwhile.
    const name = String(++count);
    const path = join((await draft).path, name);
    let isWhole = false;
    try {
      yield* writing(path, source);
      isWhole = true;
    } finally {
      if (!isWhole) await rm(path, { force: true });
    }
    const file = await openFile(path);
    files.push(file);
    onKept(file.content);
  }
  return {
    keeping,
    async keep(source) {
      let kept: FileContent | undefined;
      for await (const _ of keeping(source, (content) => (kept = content)));
      if (kept === undefined) throw new RangeError('the source was not read to its end');
      return kept;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(files.splice(0).map((file) => file.close()));
      const made = await draft?.catch(() => undefined);
      await made?.[Symbol.asyncDispose]();
    },
  };
}
