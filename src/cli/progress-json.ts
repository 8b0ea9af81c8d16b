import type { Output } from './output.ts';
import type { Renderer } from './renderer.ts';

/**
 * Prints one JSON object per line: each finished blob and manifest, the progress twice a second, and `done` or `failed`
 * last.
 */
export function jsonProgress(output: Output): Renderer {
  const tell = (value: unknown): void => output.record(value);
  return {
    interval: 500,
    event(event) {
      if (event.kind === 'blob' || event.kind === 'manifest') tell(event);
    },
    tick({ work, moved, complete, sent, total, storing, ...reading }) {
      const rate = Math.round(reading.rate);
      const { left } = reading;
      if (work !== undefined) return tell({ ...work, rate, left });
      tell({ kind: 'progress', moved, complete, sent, total, storing, rate, left });
    },
    end(reading, done) {
      tell({ kind: done ? 'done' : 'failed', ...reading, rate: Math.round(reading.rate) });
    },
  };
}
