import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDraft } from '../files/draft.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { LayoutRepository } from './reader.ts';
import { openLayout } from './repository.ts';

/**
 * Opens a layout in the temporary folder, for content that is read more than once. Disposing it removes it; if the process is
 * killed, the next one does so.
 */
export async function openTemporaryLayout({ signal }: SignalOptions = {}): Promise<LayoutRepository> {
  const draft = await makeDraft(tmpdir());
  try {
    const layout = await openLayout(join(draft.path, 'layout'), { mode: 'write', cache: true, signal });
    return {
      ...layout,
      async [Symbol.asyncDispose]() {
        try {
          await layout[Symbol.asyncDispose]();
        } finally {
          await draft[Symbol.asyncDispose]();
        }
      },
    };
  } catch (error) {
    await draft[Symbol.asyncDispose]();
    throw error;
  }
}
