import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import type { Layer } from '../image/layer.ts';
import { isStreamLayer } from '../image/stream-layer.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { given } from '../spec/options.ts';
import type { ProgressObserver } from '../store/blob-progress.ts';
import type { SignalOptions, WriteOutcome } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import type { TransferOptions } from './copy.ts';
import { copyTakesBoth, type Place, toReference, toRepository } from './place.ts';
import { watching } from './watch.ts';
import { mountSource, writeView } from './write-view.ts';

/** Pushes a view with everything that it names. */
export async function pushView(
  connections: Connections,
  place: string | Place,
  view: Image | Index,
  options: TransferOptions = {},
): Promise<Descriptor> {
  const reference = toReference(place, 'an image in a registry', { advice: copyTakesBoth });
  const target = { kind: 'registry', reference } as const;
  return watching(options, (watch) => writeView(connections, { view, target }, watch, options));
}

/** Settings of `writeLayer`. */
export interface WriteLayerOptions extends SignalOptions, UploadOptions {
  /** The repository to push to, e.g. `ghcr.io/acme/model`. */
  readonly repository: string;
  /** The layer to push; a stream layer is read once. */
  readonly layer: Layer;
  /** Receives the progress; in one call if there is nothing to send. An error that it throws ends the upload. */
  readonly onProgress?: ProgressObserver | undefined;
}

/** The result of `writeLayer`. */
export interface WrittenLayer {
  /** The descriptor for the manifest that names the layer. */
  readonly descriptor: Descriptor;
  /** The way by which the layer came to the registry. */
  readonly outcome: WriteOutcome;
}

const mebibyte = 1024 * 1024;

/**
 * Pushes one layer and no manifest. From 128 MiB on the layer goes in chunks of 96 MiB, unless the registry asks for
 * others.
 */
export async function writeLayer(
  connections: Connections,
  { repository: text, layer, onProgress, signal, ...upload }: WriteLayerOptions,
): Promise<WrittenLayer> {
  const reference = toRepository(text);
  const mountFrom = mountSource(layer.origin, reference, { ...connections.upload, ...given(upload) });
  const { blobs } = connections.repository(
    reference,
    { actions: ['pull', 'push'], mountFrom: mountSource(layer.origin, reference) },
    { chunkThreshold: 128 * mebibyte, ...given(upload) },
  );
  if (isStreamLayer(layer))
    return { descriptor: await layer.ingest(blobs, { onProgress, signal }), outcome: 'uploaded' };
  const descriptor = await layer.descriptor({ signal });
  const outcome = await blobs.write(descriptor, layer.compressed(), { mountFrom, onProgress, signal });
  if (outcome !== 'uploaded')
    onProgress?.({ sent: 0, acknowledged: descriptor.size, moved: descriptor.size });
  return { descriptor, outcome };
}
