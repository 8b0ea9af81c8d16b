import type { Output } from './output.ts';
import type { Renderer } from './renderer.ts';

/** One JSON object a line: each blob and manifest as it is done, progress twice a second, `done` or `failed` last. */
export function jsonProgress(output: Output): Renderer {
  const tell = (value: unknown): void => output.record(value);
  return {
    interval: 500,
    event(event) {
      if (event.kind === 'blob' || event.kind === 'manifest') tell(event);
    },
    tick({ moved, complete, sent, total, storing, rate, left }) {
      tell({ kind: 'progress', moved, complete, sent, total, storing, rate: Math.round(rate), left });
    },
    end(reading, done) {
      tell({ kind: done ? 'done' : 'failed', ...reading, rate: Math.round(reading.rate) });
    },
  };
}
