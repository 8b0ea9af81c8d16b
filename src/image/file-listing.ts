import { bytesContent } from '../flow/content.ts';
import type { TarMetadata } from '../tar/metadata.ts';
import type { FileEntry, FileWithContent, ReadFilesOptions } from './file-entry.ts';
import { type DirectoryNode, type FileNode, type FileTree, type Inode, isDirectory } from './file-tree.ts';
import { readWholeTar } from './whole-tar.ts';

/** The metadata of a directory that no layer lists. */
export const unlisted: TarMetadata = {
  mode: 0o755,
  mtime: 0,
  nanoseconds: 0,
  uid: 0,
  gid: 0,
  uname: '',
  gname: '',
};

/** The names of a tree in the order of a tar that can be unpacked. */
export interface FileListing {
  /** Entries without content, each directory before its content. */
  readonly first: readonly FileEntry[];
  /** Each file with the entries of all its names, in the order of the layers. */
  readonly files: readonly (readonly [Inode, readonly FileEntry[]])[];
}

/** Lists all names but the root. */
export function listing(tree: FileTree): FileListing {
  const first: FileEntry[] = [];
  const names = new Map<Inode, string[]>();
  for (const [path, node] of tree.nodes()) {
    const { inode } = node;
    if (isDirectory(node)) first.push(entryOf(path, node));
    else if (inode !== undefined) {
      const known = names.get(inode);
      if (known === undefined) names.set(inode, [path]);
      else known.push(path);
    }
  }
  const ordered = [...names].sort(([a], [b]) => a.layer - b.layer || a.position - b.position);
  return { first, files: ordered.map(([inode, paths]) => [inode, namesOfFile(inode, paths)]) };
}

/** The first name is the one that the layer lists the file under, if it is left. */
export function namesOfFile(inode: Inode, paths: readonly string[]): readonly FileEntry[] {
  const first = paths.includes(inode.path) ? inode.path : (paths[0] ?? inode.path);
  const file = entryOf(first, { inode });
  const others = paths.filter((path) => path !== first);
  return [
    file,
    ...others.map((path) => ({ ...file, path, type: 'link' as const, size: 0, linkname: first })),
  ];
}

/** Describes a node under a path. */
export function entryOf(path: string, { inode }: FileNode | DirectoryNode): FileEntry {
  if (inode === undefined) return { path, type: 'directory', size: 0, ...unlisted };
  const { linkname, ...header } = inode.header;
  const link = linkname === undefined || header.type !== 'symlink' ? {} : { linkname };
  return { path, ...header, ...link, layer: inode.layer };
}

/** Yields the entries of a listing with their content. `open` opens a layer, at most once, and reads it to its end. */
export async function* readListing(
  { first: bare, files }: FileListing,
  open: (layer: number) => AsyncIterable<Uint8Array>,
  { wants = () => true, signal }: ReadFilesOptions = {},
): AsyncIterable<FileWithContent> {
  for (const entry of bare.filter(wants)) yield { ...entry, body: nothing() };
  const wanted = files
    .map(([inode, entries]) => [inode, entries.filter(wants)] as const)
    .filter(([, entries]) => entries.length > 0);
  const layers = new Map<number, Map<number, readonly FileEntry[]>>();
  for (const [{ layer, position }, entries] of wanted) {
    const positions = layers.get(layer) ?? new Map<number, readonly FileEntry[]>();
    layers.set(layer, positions.set(position, entries));
  }
  for (const [layer, positions] of layers) {
    let position = 0;
    for await (const { body } of readWholeTar(open(layer), { what: `layer ${layer}`, signal })) {
      const [first, ...others] = positions.get(position++) ?? [];
      if (first !== undefined) yield { ...first, body: first.type === 'file' ? body : nothing() };
      for (const other of others) yield { ...other, body: nothing() };
    }
  }
}

function nothing(): AsyncIterable<Uint8Array> {
  return bytesContent(new Uint8Array(0)).open();
}
