import { resolve } from 'node:path';
import type { SignalOptions } from '../store/contract.ts';
import { type LayoutRepository, openReader } from './reader.ts';
import { openWriter } from './writer.ts';

export type { LayoutRepository } from './reader.ts';

export interface OpenLayoutOptions extends SignalOptions {
  /** `write` makes the layout if it isn't there, and shuts out other writers until disposed. */
  readonly mode: 'read' | 'write';
  /** Milliseconds to wait while another process writes; default: don't. */
  readonly wait?: number;
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
