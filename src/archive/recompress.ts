import { collect, drain } from '../flow/collect.ts';
import { type Compression, decompressed, gzipped, sniffCompression } from '../flow/compression.ts';
import type { Content } from '../flow/content.ts';
import { meteredContent } from '../flow/count.ts';
import { createHasher, type Hasher } from '../flow/hash.ts';
import { createSingleFlight } from '../flow/single-flight.ts';
import type { WorkLedger } from '../flow/work.ts';
import type { Digest } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { TarEntry } from '../tar/entry.ts';
import type { FileContent } from './file.ts';
import type { Spool } from './spool.ts';
import type { Tarball } from './tarball.ts';

/** A layer of a docker archive in the form that registries store. */
export interface RecompressedLayer {
  readonly digest: Digest;
  /** The digest of the uncompressed bytes. */
  readonly diffId: Digest;
  readonly compression: 'gzip' | 'zstd';
  readonly content: FileContent;
}

/** Recompresses each file once, also if several images share it. */
export type Recompressor = (entry: TarEntry, options?: SignalOptions) => Promise<RecompressedLayer>;

/**
 * Docker archives hold layers as uncompressed or compressed tar. This gzips the uncompressed ones, because
 * registries and their users expect that. One pass computes both digests and writes to the spool: the
 * manifest needs the digest before the bytes are sent, and compressing twice costs more than the disk.
 */
export function createRecompressor(tarball: Tarball, spool: Spool, works: WorkLedger): Recompressor {
  // No limit, because reading a file ends, however long it takes.
  const known = createSingleFlight<number, RecompressedLayer>({
    keep: true,
    limit: Number.POSITIVE_INFINITY,
  });
  return (entry, options) =>
    known.run(entry.offset, (signal) => recompress({ tarball, spool, works }, entry, { signal }), options);
}

interface Workshop {
  readonly tarball: Tarball;
  readonly spool: Spool;
  readonly works: WorkLedger;
}

async function recompress(
  { tarball, spool, works }: Workshop,
  entry: TarEntry,
  options: SignalOptions,
): Promise<RecompressedLayer> {
  const content = tarball.content(entry);
  const what = `${tarball.path}: layer ${entry.name}`;
  const compression = await compressionOf(content, what);
  if (compression !== 'none') {
    // Reads the layer once for each of its digests.
    const part = works.of('hash').begin(2 * content.size);
    const metered = meteredContent(content, part.add);
    const digest = await hashed(metered.open(options));
    const diffId = await hashed(decompressed(metered.open(options), { what }));
    part.settle();
    return { digest, diffId, compression, content };
  }
  const plain = createHasher();
  const zipped = createHasher();
  const part = works.of('pack').begin(content.size);
  const metered = meteredContent(content, part.add);
  // Uses the fastest level, as crane does, because the processor is the bottleneck.
  const zip = gzipped(passed(metered.open(options), plain), { level: 1 });
  const kept = await spool.keep(passed(zip, zipped));
  part.settle();
  return { digest: zipped.digest(), diffId: plain.digest(), compression: 'gzip', content: kept };
}

async function compressionOf(content: Content, what: string): Promise<Compression> {
  return sniffCompression(await collect(content.open({ from: 0, to: 4 }), { limit: 4, what }));
}

async function hashed(source: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hasher = createHasher();
  await drain(passed(source, hasher));
  return hasher.digest();
}

async function* passed(source: AsyncIterable<Uint8Array>, hasher: Hasher): AsyncIterable<Uint8Array> {
  for await (const chunk of source) {
    hasher.update(chunk);
    yield chunk;
  }
}
