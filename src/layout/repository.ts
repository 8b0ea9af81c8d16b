import { resolve } from 'node:path';
import {
  amount,
  callback,
  checkArgument,
  checkOptions,
  flag,
  oneOf,
  type Shape,
  signal,
  text,
} from '../spec/options.ts';
import type { SignalOptions } from '../store/contract.ts';
import { type LayoutRepository, openReader } from './reader.ts';
import { openWriter } from './writer.ts';

export type { LayoutGarbage, LayoutGarbageOptions } from './garbage.ts';
export type { LayoutRepository } from './reader.ts';

/** Settings of `openLayout`. */
export interface OpenLayoutOptions extends SignalOptions {
  /** `write` creates the layout if it does not exist, and locks out other writers until disposed. */
  readonly mode: 'read' | 'write';
  /** Milliseconds to wait while another process writes. Default: no wait. `Infinity`: until the signal aborts. */
  readonly wait?: number | undefined;
  /** Called once, after two seconds of waiting, with the reason. */
  readonly onWait?: ((reason: string) => void) | undefined;
  /**
   * Whether unreferenced blobs stay, even without a commit, if the folder existed before: the layout is a cache of
   * blobs. Applies only to `write`. Default false.
   */
  readonly cache?: boolean | undefined;
}

const shape: Shape<OpenLayoutOptions> = {
  mode: oneOf('read', 'write'),
  wait: amount,
  onWait: callback,
  cache: flag,
  signal,
};

/**
 * Opens an OCI layout. Changes become visible to others with `commit`; disposing without it leaves the folder as it
 * was.
 * @throws INVALID_OPTION, IN_USE, NAME_UNKNOWN for a folder to read that does not exist, MANIFEST_INVALID for a folder
 * that is not a layout, NO_PERMISSION, IO_FAILED
 */
export async function openLayout(folder: string, options: OpenLayoutOptions): Promise<LayoutRepository> {
  checkArgument('openLayout', 'folder', folder, text);
  checkOptions('openLayout', options, shape, ['mode']);
  options.signal?.throwIfAborted();
  const path = resolve(folder);
  return options.mode === 'write' ? openWriter(path, options) : openReader(path);
}
