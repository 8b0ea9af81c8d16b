import type { UnpackedFiles } from '../../folder/unpack-files.ts';
import type { ImageDiff } from '../../image/diff-images.ts';
import type { FileEntry } from '../../image/file-entry.ts';
import type { Place } from '../place.ts';
import type { ReadOptions } from '../read.ts';
import type { UnpackOptions } from '../unpack.ts';

/**
 * The verbs of a client that look into the files of an image. Of an index, they take its image for `platform`, by default
 * linux/amd64. Layers from a registry are downloaded and unpacked once, and stay in the temporary folder until the verb ends.
 */
export interface FileVerbs {
  /**
   * Yields the files of an image as one tar: all layers applied, each directory before its content, hard links after their
   * file, and the same bytes for the same layers. Keeps mode, owner, time, devices and extended attributes. Of an artifact
   * with a single layer that holds no files, yields the bytes of that layer.
   * @throws MANIFEST_UNKNOWN when the place has no such image, or none for the platform
   * @throws MANIFEST_INVALID when a layer is no tar, or has an entry that cannot be applied
   * @throws UNSUPPORTED when the image is an artifact of several layers
   * @example
   * ```ts
   * import { writeFile } from 'node:fs/promises';
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * await writeFile('files.tar', client.exportImage('ghcr.io/acme/app:1'));
   * ```
   */
  exportImage(place: string | Place, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /**
   * Lists the files of an image, in the byte order of their paths.
   * @throws MANIFEST_UNKNOWN, MANIFEST_INVALID and UNSUPPORTED, as `exportImage`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * for await (const { path, type, size } of client.listFiles('ghcr.io/acme/app:1')) console.log(type, size, path);
   * ```
   */
  listFiles(place: string | Place, options?: ReadOptions): AsyncIterable<FileEntry>;
  /**
   * Yields the content of one file. Follows symbolic links within the root of the image. Reads the layers from the top down,
   * and fetches none below the layer that decides.
   * @throws FILE_UNKNOWN when the image has no such file
   * @throws UNSUPPORTED when the path is a directory or a device
   * @throws MANIFEST_UNKNOWN and MANIFEST_INVALID, as `exportImage`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * let text = '';
   * for await (const chunk of client.readFile('ghcr.io/acme/app:1', 'hello.txt')) text += Buffer.from(chunk);
   * console.log(text);
   * ```
   */
  readFile(place: string | Place, path: string, options?: ReadOptions): AsyncIterable<Uint8Array>;
  /**
   * Unpacks the files of an image into a new or empty folder, which appears in one step when it is complete. Nothing is written
   * outside of it. A killed process leaves nothing there; the next unpacking into the same parent removes its unfinished folder.
   * Devices, pipes, extended attributes, setuid and setgid are left out, and named in the result.
   * @throws INVALID_OPTION when the folder has content, or `sameOwner` is set without the rights of root
   * @throws NAME_UNKNOWN when the parent of the folder does not exist
   * @throws NO_SPACE, NO_PERMISSION or IO_FAILED when the disk refuses
   * @throws MANIFEST_UNKNOWN, MANIFEST_INVALID and UNSUPPORTED, as `exportImage`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { entries, bytes } = await client.unpack('ghcr.io/acme/app:1', './app-tree');
   * console.log(`${entries} entries, ${bytes} bytes`);
   * ```
   */
  unpack(place: string | Place, directory: string, options?: UnpackOptions): Promise<UnpackedFiles>;
  /**
   * Compares the configs, layers and files of two images. Times of files are no difference.
   * @throws MANIFEST_UNKNOWN, MANIFEST_INVALID and UNSUPPORTED, as `exportImage`
   * @example
   * ```ts
   * import { createClient } from 'gantry';
   *
   * await using client = createClient();
   * const { files } = await client.diff('alpine:3.20', 'ghcr.io/acme/app:1');
   * for (const { kind, path, before, after } of files) console.log(kind, path, before, after);
   * ```
   */
  diff(before: string | Place, after: string | Place, options?: ReadOptions): Promise<ImageDiff>;
}
