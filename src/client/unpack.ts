import { type UnpackedFiles, type UnpackFilesOptions, unpackFiles } from '../folder/unpack-files.ts';
import { openFileSystem } from '../image/open-file-system.ts';
import type { Connections } from './connections.ts';
import { openImageSource } from './image-files.ts';
import type { Place } from './place.ts';
import type { ReadOptions } from './read.ts';

/** Settings of `unpack`. */
export interface UnpackOptions extends ReadOptions, UnpackFilesOptions {}

/** Unpacks the files of an image into a new folder. */
export async function unpackImage(
  connections: Connections,
  place: string | Place,
  directory: string,
  { sameOwner, ...options }: UnpackOptions = {},
): Promise<UnpackedFiles> {
  const { signal } = options;
  await using opened = await openImageSource(connections, place, options);
  return await unpackFiles(await openFileSystem(opened.image, { signal }), directory, { sameOwner, signal });
}
