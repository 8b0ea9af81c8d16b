import type { SignalOptions } from '../store/contract.ts';
import { paddingOf } from '../tar/entry.ts';
import { tarEnd, tarHeaderIn } from '../tar/write.ts';
import type { FileEntry } from './file-entry.ts';
import { entriesOfFile } from './file-listing.ts';
import { LayerBodies, type OpenLayer } from './layer-bodies.ts';
import type { ListedTree } from './read-listing.ts';
import { Chunk } from './tar-chunk.ts';

const zeros = new Uint8Array(512);

/** Yields the files of a listing as one tar. Waits only for further bytes of a layer. */
export async function* tarOfListing(
  { tree, listing }: ListedTree,
  open: OpenLayer,
  { signal }: SignalOptions = {},
): AsyncIterable<Uint8Array> {
  const out = new Chunk();
  const memory = new Uint8Array(512);
  // `yield*` would wait for each header.
  for (const entry of listing.first()) for (const chunk of out.put(headerOf(entry, memory))) yield chunk;
  const bodies = new LayerBodies(open);
  try {
    for (const file of listing.files()) {
      signal?.throwIfAborted();
      const layer = tree.inodes.layerOf(file.inode);
      if (layer !== bodies.layer) await bodies.openLayer(layer);
      const header = tree.inodes.headerOf(file.inode);
      const [first, ...others] = entriesOfFile(tree, file, header);
      if (first !== undefined) for (const chunk of out.put(headerOf(first, memory))) yield chunk;
      if (header.sparse !== undefined) {
        for await (const bytes of bodies.body(header)) for (const chunk of out.put(bytes)) yield chunk;
      } else if (header.stored > 0) {
        if (!bodies.moveNow(header)) await bodies.moveTo(header);
        for (let left = header.stored; left > 0; ) {
          const there = bodies.now(left);
          const bytes = there.byteLength > 0 ? there : await bodies.wait(left);
          left -= bytes.byteLength;
          for (const chunk of out.put(bytes)) yield chunk;
        }
      }
      for (const chunk of out.put(zeros.subarray(0, paddingOf(header.size)))) yield chunk;
      for (const other of others) for (const chunk of out.put(headerOf(other, memory))) yield chunk;
    }
    await bodies.finish();
  } finally {
    await bodies.close();
  }
  for (const chunk of out.put(tarEnd)) yield chunk;
  yield* out.rest();
}

/** Encodes an entry, mostly in the same memory each time. */
function headerOf(entry: FileEntry, memory: Uint8Array): Uint8Array {
  const { path: name, type, size, mode, mtime, nanoseconds, uid, gid, uname, gname, linkname } = entry;
  const { xattrs, windows, device } = entry;
  const rare = { linkname, xattrs, windows, device };
  return tarHeaderIn({ name, type, size, mode, mtime, nanoseconds, uid, gid, uname, gname, ...rare }, memory);
}
