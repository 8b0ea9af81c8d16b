import type { Ledger } from '../copy/ledger.ts';
import { BlobAccount } from '../copy/progress.ts';
import { createPool } from '../flow/pool.ts';
import type { Image } from '../image/image.ts';
import { type Index, madeChildren } from '../image/image-index.ts';
import { isStreamLayer, type StreamLayer } from '../image/stream-layer.ts';
import type { Digest } from '../spec/digest.ts';
import type { Repository } from '../store/contract.ts';
import type { TransferOptions } from './copy.ts';

/**
 * Pushes the layers of a view that can be read only once. Returns their accounts, with which the copy that follows does not
 * count their bytes again.
 */
export async function pushStreams(
  image: Image | Index,
  { blobs }: Repository,
  { jobs, signal }: TransferOptions,
  ledger: Ledger,
): Promise<ReadonlyMap<Digest, BlobAccount>> {
  const accounts = new Map<Digest, BlobAccount>();
  // The images of an index may share a layer.
  const layers = [...new Set(await streamLayersOf(image))];
  if (layers.length === 0) return accounts;
  const pool = createPool(jobs);
  const end = new AbortController();
  const whole = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
  const push = async (layer: StreamLayer): Promise<void> => {
    // The size of a stream is unknown, so the total is the sum so far.
    const account = new BlobAccount(ledger);
    const descriptor = await layer.ingest(blobs, { signal: whole, onProgress: account.onProgress });
    accounts.set(descriptor.digest, account);
    ledger.tell({ kind: 'blob', descriptor, outcome: 'uploaded' });
  };
  const pushes = layers.map((layer) => pool.run(() => push(layer), { signal: whole }));
  try {
    await Promise.all(pushes);
  } finally {
    // The first failure ends the other uploads before the verb ends.
    end.abort();
    await Promise.allSettled(pushes);
  }
  return accounts;
}

async function streamLayersOf(image: Image | Index): Promise<readonly StreamLayer[]> {
  // An opened view names existing content.
  if (image.place !== undefined) return [];
  if (image.kind === 'image') return (await image.layers()).filter(isStreamLayer);
  const children = await Promise.all((await madeChildren(image)).map(streamLayersOf));
  return children.flat();
}
