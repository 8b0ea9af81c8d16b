import { resolve } from 'node:path';
import type { SignalOptions } from '../store/contract.ts';
import { type LayoutRepository, openReader } from './reader.ts';
import { openWriter } from './writer.ts';

export type { LayoutRepository } from './reader.ts';

export interface OpenLayoutOptions extends SignalOptions {
  /** `write` makes the layout if it isn't there, and shuts out other writers until disposed. */
  readonly mode: 'read' | 'write';
  /** Milliseconds to wait while another process writes; default: don't. `Infinity`: until the signal. */
  readonly wait?: number | undefined;
  /** Told once, after two seconds, what is waited for. */
  readonly onWait?: ((reason: string) => void) | undefined;
  /**
   * `write` only. Whether blobs stay that nothing names, also without a commit where the folder was there before: it keeps
   * blobs for later.
   */
  readonly cache?: boolean;
}

/**
 * What is written shows up, for others, at `commit`; disposed without it, the folder is as it was before.
 * Throws IN_USE, MANIFEST_INVALID for what is no layout, NO_PERMISSION, IO_FAILED.
 */
export async function openLayout(folder: string, options: OpenLayoutOptions): Promise<LayoutRepository> {
  options.signal?.throwIfAborted();
  const path = resolve(folder);
  return options.mode === 'write' ? openWriter(path, options) : openReader(path);
}
