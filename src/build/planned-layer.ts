import type { Platform } from '../spec/platform.ts';
import { type EntryOptions, entriesOf } from './entries.ts';
import type { FileOfLayer } from './layer-tar.ts';
import type { Addon } from './native/addons.ts';
import { type Choose, walk } from './walk.ts';

/** A layer before its files are read. */
export interface PlannedLayer {
  /** The words for it in the history: `dependencies`, `application`. */
  readonly name: string;
  /** The platforms of the images that get it; undefined for all. */
  readonly platforms?: readonly Platform[] | undefined;
  /** Finds the files, anew with each call. `onAddon` receives each compiled addon of Node. */
  readonly entries: (onAddon: (addon: Addon) => void) => Iterable<FileOfLayer>;
}

/** Where the files of a layer come from and go to. */
export interface Sources extends Omit<EntryOptions, 'onAddon'> {
  readonly name: string;
  readonly choose: Choose;
  readonly platforms?: readonly Platform[] | undefined;
}

/** Plans a layer of the chosen files of a folder. */
export function plannedLayer({ name, choose, platforms, ...options }: Sources): PlannedLayer {
  return {
    name,
    platforms,
    entries: (onAddon) => entriesOf(walk(options.root, '', choose), { ...options, onAddon }),
  };
}
