import type { SignalOptions } from '../store/contract.ts';
import type { TarType } from '../tar/entry.ts';
import type { Device } from '../tar/header.ts';
import type { TarMetadata } from '../tar/metadata.ts';

/**
 * One name of the merged file system of an image. A byte of a name that is no UTF-8 is a lone surrogate from U+DC80 to
 * U+DCFF in it, as in Python.
 */
export interface FileEntry extends TarMetadata {
  /** The path without a slash at either end. */
  readonly path: string;
  /** `link` for every name of a file but its first. */
  readonly type: TarType;
  /** Bytes of the content; 0 for every type but `file`. */
  readonly size: number;
  /** For `symlink` the target as written, for `link` the path of the first name. */
  readonly linkname?: string;
  /** The numbers of a `character-device` or `block-device`. */
  readonly device?: Device | undefined;
  /** The index of the layer that the file comes from, from the bottom. Absent for a directory that no layer lists. */
  readonly layer?: number;
}

/** An entry with its content, which must be read before the next entry, or not at all. */
export interface FileWithContent extends FileEntry {
  /** The bytes of the file; none for every type but `file`. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Settings of a reading of the files. */
export interface ReadFilesOptions extends SignalOptions {
  /** Selects the entries to yield. Layers without one are not opened. */
  readonly wants?: ((entry: FileEntry) => boolean) | undefined;
}
