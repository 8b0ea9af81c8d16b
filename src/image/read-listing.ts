import { noBytes } from '../flow/content.ts';
import type { FileWithContent, ReadFilesOptions } from './file-entry.ts';
import { entriesOfFile, type FileListing } from './file-listing.ts';
import type { FileTree } from './file-tree.ts';
import { LayerBodies, type OpenLayer } from './layer-bodies.ts';

/** A tree, and a listing of its names. */
export interface ListedTree {
  readonly tree: FileTree;
  readonly listing: FileListing;
}

/** Yields the entries of a listing with their content. */
export async function* readListing(
  { tree, listing }: ListedTree,
  open: OpenLayer,
  { wants = () => true, signal }: ReadFilesOptions = {},
): AsyncIterable<FileWithContent> {
  for (const entry of listing.first()) if (wants(entry)) yield { ...entry, body: noBytes };
  const bodies = new LayerBodies(open);
  try {
    for (const file of listing.files()) {
      const header = tree.inodes.headerOf(file.inode);
      const [first, ...others] = entriesOfFile(tree, file, header).filter(wants);
      if (first === undefined) continue;
      signal?.throwIfAborted();
      await bodies.openLayer(tree.inodes.layerOf(file.inode));
      yield { ...first, body: first.type === 'file' ? bodies.body(header) : noBytes };
      for (const other of others) yield { ...other, body: noBytes };
    }
    await bodies.finish();
  } finally {
    await bodies.close();
  }
}
