import { constants } from 'node:fs';
import { chmod, lchown, link, lutimes, mkdir, open, symlink, utimes } from 'node:fs/promises';
import { ContentError, InputError, isGantryError } from '../errors.ts';
import { onDisk, systemCode } from '../files/files.ts';
import { gathered } from '../flow/gather.ts';
import type { FileEntry, FileWithContent } from '../image/file-entry.ts';
import type { ImageFileSystem } from '../image/open-file-system.ts';
import {
  signal as abortSignal,
  checkArgument,
  checkOptions,
  flag,
  having,
  type Shape,
  text,
} from '../spec/options.ts';
import type { SignalOptions } from '../store/contract.ts';
import { encodeText } from '../tar/text.ts';
import { makeFreshFolder } from './fresh-folder.ts';
import { foldedName, nameProblem } from './names.ts';

/** Settings of `unpackFiles`. */
export interface UnpackFilesOptions extends SignalOptions {
  /**
   * Gives the files their owners, and keeps setuid and setgid. Only root can do that.
   * @defaultValue `false`
   */
  readonly sameOwner?: boolean | undefined;
}

/** A part of an image that an unpacking leaves out. */
export interface LeftOut {
  /** The path in the image. */
  readonly path: string;
  /** The file itself, if it is a device or a pipe; otherwise only these bits or attributes. */
  readonly part: 'device' | 'fifo' | 'setuid and setgid' | 'extended attributes';
}

/** The outcome of an unpacking. */
export interface UnpackedFiles {
  /** Files, links and directories. */
  readonly entries: number;
  /** Bytes of the content of all files. */
  readonly bytes: number;
  /** The files and the parts of files that the folder does not have. */
  readonly leftOut: readonly LeftOut[];
}

/** Bytes of one write. */
const step = 1024 * 1024;

const shape: Shape<UnpackFilesOptions> = { signal: abortSignal, sameOwner: flag };

/**
 * Unpacks the files of an image into a new folder, which appears in one step when it is complete. A killed process leaves
 * nothing there; the next unpacking into the same parent removes its unfinished folder.
 *
 * Nothing is written outside: gantry makes all directories and files first, and symbolic links last, so it never writes
 * through one. Devices, pipes, extended attributes, setuid and setgid are left out, and named in the result.
 * @throws INVALID_OPTION when there is something in the folder, or `sameOwner` is set without the rights of root
 * @throws NAME_UNKNOWN when the parent of the folder does not exist
 * @throws MANIFEST_INVALID when two names are one on this file system, or a name is impossible on this system
 * @throws NO_SPACE, NO_PERMISSION or IO_FAILED when the disk refuses
 * @example
 * ```ts
 * import { createClient, openFileSystem, unpackFiles } from 'gantry';
 *
 * await using client = createClient();
 * const image = await client.getImage('ghcr.io/acme/app:1');
 * const { entries, leftOut } = await unpackFiles(await openFileSystem(image), './app-files');
 * console.log(entries, leftOut);
 * ```
 */
export async function unpackFiles(
  fileSystem: ImageFileSystem,
  directory: string,
  options: UnpackFilesOptions = {},
): Promise<UnpackedFiles> {
  const aFileSystem = having('a file system, as openFileSystem gives it', 'entries', 'files');
  checkArgument('unpackFiles', 'fileSystem', fileSystem, aFileSystem);
  checkArgument('unpackFiles', 'directory', directory, text);
  checkOptions('unpackFiles', options, shape);
  const { sameOwner = false, signal } = options;
  if (sameOwner && process.geteuid?.() !== 0) {
    throw new InputError('INVALID_OPTION', 'only root can give files their owners: leave out sameOwner');
  }
  signal?.throwIfAborted();
  refuseNames(fileSystem);
  await using folder = await makeFreshFolder(directory);
  const tree = new Tree(fileSystem, { base: folder.base, directory, sameOwner });
  for await (const file of fileSystem.files({ signal })) {
    signal?.throwIfAborted();
    await tree.add(file);
  }
  await tree.finish();
  await folder.finish();
  return tree;
}

function refuseNames(fileSystem: ImageFileSystem): void {
  if (process.platform === 'linux') return;
  for (const { path } of fileSystem.entries()) {
    const problem = nameProblem(path, process.platform);
    if (problem !== undefined)
      throw new ContentError('MANIFEST_INVALID', `cannot unpack "${path}": ${problem}`);
  }
}

interface Place {
  readonly base: string;
  /** The folder in errors. */
  readonly directory: string;
  readonly sameOwner: boolean;
}

/** A tree of files under construction. */
class Tree implements UnpackedFiles {
  entries = 0;
  bytes = 0;
  readonly leftOut: LeftOut[] = [];
  readonly #fileSystem: ImageFileSystem;
  readonly #place: Place;
  readonly #directories: FileEntry[] = [];
  /** Symbolic links and their other names. They come last. */
  readonly #symlinks: FileEntry[] = [];
  /** The target of each symbolic link, and undefined for each device and pipe, by path. */
  readonly #unwritten = new Map<string, string | undefined>();

  constructor(fileSystem: ImageFileSystem, place: Place) {
    this.#fileSystem = fileSystem;
    this.#place = place;
  }

  async add(file: FileWithContent): Promise<void> {
    const { type, path, linkname = '', xattrs } = file;
    if (xattrs !== undefined) this.leftOut.push({ path, part: 'extended attributes' });
    switch (type) {
      case 'directory':
        await this.#make(path, (at) => mkdir(at, 0o700));
        this.#directories.push(file);
        break;
      case 'file':
        await this.#make(path, (at) => this.#write(at, file));
        break;
      case 'symlink':
        this.#unwritten.set(path, linkname);
        this.#symlinks.push({ ...file, linkname });
        break;
      case 'link':
        await this.#link(file);
        break;
      case 'character-device':
      case 'block-device':
      case 'fifo':
        this.#unwritten.set(path, undefined);
        this.leftOut.push({ path, part: type === 'fifo' ? 'fifo' : 'device' });
        break;
      default:
        return type satisfies never;
    }
  }

  /** Makes the symbolic links, and then sets the attributes of directories, from the deepest upward. */
  async finish(): Promise<void> {
    for (const entry of this.#symlinks) {
      const { path, linkname = '', uid, gid } = entry;
      await this.#make(path, async (at) => {
        await symlink(pathOnDisk(linkname), at);
        if (this.#place.sameOwner) await lchown(at, uid, gid);
        await lutimes(at, ...timesOf(entry));
      });
    }
    for (const entry of this.#directories.toReversed()) {
      const { path, uid, gid } = entry;
      await this.#onDisk(path, async (at) => {
        if (this.#place.sameOwner) await lchown(at, uid, gid);
        await chmod(at, this.#modeOf(entry));
        await utimes(at, ...timesOf(entry));
      });
    }
  }

  async #write(at: string | Buffer, file: FileWithContent): Promise<void> {
    // O_EXCL refuses a name that something has already, also a link.
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    const handle = await open(at, flags, 0o600);
    try {
      for await (const chunk of gathered(file.body, Math.min(step, Math.max(file.size, 1)))) {
        await handle.writeFile(chunk);
        this.bytes += chunk.byteLength;
      }
      if (this.#place.sameOwner) await handle.chown(file.uid, file.gid);
      await handle.chmod(this.#modeOf(file));
      await handle.utimes(...timesOf(file));
    } finally {
      await handle.close();
    }
  }

  async #link(file: FileEntry): Promise<void> {
    const { path, linkname = '' } = file;
    if (!this.#unwritten.has(linkname)) {
      await this.#make(path, (at) => link(this.#at(linkname), at));
      return;
    }
    const target = this.#unwritten.get(linkname);
    if (target !== undefined) this.#symlinks.push({ ...file, linkname: target });
    else this.leftOut.push({ path, part: 'device' });
  }

  #modeOf({ path, mode }: FileEntry): number {
    const kept = this.#place.sameOwner ? mode : mode & 0o1777;
    if (kept !== mode) this.leftOut.push({ path, part: 'setuid and setgid' });
    return kept;
  }

  #at(path: string): string | Buffer {
    const { base } = this.#place;
    const below = pathOnDisk(`/${path}`);
    return typeof below === 'string' ? `${base}${below}` : Buffer.concat([Buffer.from(base), below]);
  }

  /** Makes an entry with a name that nothing has yet. */
  async #make(path: string, make: (at: string | Buffer) => Promise<unknown>): Promise<void> {
    try {
      await this.#onDisk(path, make);
      this.entries++;
    } catch (error) {
      if (!isGantryError(error) || systemCode(error.cause) !== 'EEXIST') throw error;
      throw this.#collision(path) ?? error;
    }
  }

  #collision(path: string): ContentError | undefined {
    const folded = foldedName(path);
    for (const { path: other } of this.#fileSystem.entries()) {
      if (other === path || foldedName(other) !== folded) continue;
      const what = `"${path}" and "${other}" are one name on the file system of ${this.#place.directory}`;
      return new ContentError('MANIFEST_INVALID', `${what}: unpack into a file system that tells them apart`);
    }
    return undefined;
  }

  #onDisk(path: string, task: (at: string | Buffer) => Promise<unknown>): Promise<unknown> {
    return onDisk(`${this.#place.directory}/${path}`, () => task(this.#at(path)));
  }
}

/** Windows has no names of bytes. */
function pathOnDisk(path: string): string | Buffer {
  return process.platform === 'win32' ? path.replaceAll('/', '\\') : Buffer.from(encodeText(path));
}

function timesOf({ mtime, nanoseconds }: FileEntry): readonly [accessed: number, changed: number] {
  const time = mtime + nanoseconds / 1e9;
  return [time, time];
}
