import type { CopyEvent, CopyObserver } from '../copy/events.ts';
import { createPool } from '../flow/pool.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { isStreamLayer, type StreamLayer } from '../image/stream-layer.ts';
import type { BlobProgress } from '../store/blob-progress.ts';
import type { Repository } from '../store/contract.ts';
import type { TransferOptions } from './copy.ts';

/**
 * Pushes the layers of a view that can be read only once. Returns the observer for the copy that follows: its figures start
 * from the bytes of these layers.
 */
export async function pushStreams(
  image: Image | Index,
  { blobs }: Repository,
  { jobs, onEvent, signal }: TransferOptions,
): Promise<{ readonly onEvent?: CopyObserver }> {
  // The images of an index may share a layer.
  const layers = [...new Set(await streamLayersOf(image))];
  if (layers.length === 0) return onEvent === undefined ? {} : { onEvent };
  const pool = createPool(jobs);
  const end = new AbortController();
  const whole = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
  const progress = new Map<StreamLayer, BlobProgress>();
  const figures = (): Figures => {
    const all = [...progress.values()];
    return {
      moved: all.reduce((sum, { moved }) => sum + moved, 0),
      complete: all.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      sent: all.reduce((sum, { sent }) => sum + sent, 0),
    };
  };
  const push = async (layer: StreamLayer): Promise<void> => {
    const descriptor = await layer.ingest(blobs, {
      signal: whole,
      onProgress(told) {
        progress.set(layer, told);
        const { moved, complete, sent } = figures();
        // The size of a stream is unknown, so the total is the sum so far.
        onEvent?.({ kind: 'progress', moved, complete, sent, total: moved });
      },
    });
    onEvent?.({ kind: 'blob', descriptor, outcome: 'uploaded' });
  };
  const pushes = layers.map((layer) => pool.run(() => push(layer), { signal: whole }));
  try {
    await Promise.all(pushes);
  } finally {
    // The first failure ends the other uploads before the verb ends.
    end.abort();
    await Promise.allSettled(pushes);
  }
  return onEvent === undefined ? {} : { onEvent: continued(onEvent, figures()) };
}

interface Figures {
  readonly moved: number;
  readonly complete: number;
  readonly sent: number;
}

/** Continues the figures of the streamed layers: for the copy that follows, these layers exist already. */
function continued(onEvent: CopyObserver, before: Figures): CopyObserver {
  return (event: CopyEvent) => {
    if (event.kind !== 'progress' && event.kind !== 'end') return onEvent(event);
    return onEvent({
      ...event,
      moved: Math.max(event.moved, before.moved),
      complete: Math.max(event.complete, before.complete),
      sent: event.sent + before.sent,
      total: Math.max(event.total, before.moved),
    });
  };
}

async function streamLayersOf(image: Image | Index): Promise<readonly StreamLayer[]> {
  // An opened view names existing content.
  if (image.place !== undefined) return [];
  if (image.kind === 'image') return (await image.layers()).filter(isStreamLayer);
  const children = await Promise.all((await image.children()).map(streamLayersOf));
  return children.flat();
}
