import assert from 'node:assert/strict';
import type { CopyEvent } from '../../src/copy/events.ts';
import type { Work, WorkProgress } from '../../src/flow/work.ts';
import type { BlobProgress } from '../../src/store/blob-progress.ts';

/** The figure of a progress bar, as an operation reports it. */
export interface Figure {
  /** The observer for a verb or a copy. */
  readonly onEvent: (event: CopyEvent) => void;
  /** The observer for one blob. */
  readonly onProgress: (progress: BlobProgress) => void;
  /** Asserts that the figure never went back or passed its total; with `whole`, also that it ended at `moves`. */
  assertTrue(end: { readonly whole: boolean; readonly moves: number }): void;
}

export function createFigure(): Figure {
  const moved: number[] = [];
  const totals: number[] = [];
  const works = new Map<Work, Pick<WorkProgress, 'done' | 'total'>>();
  let isWhole: boolean | undefined;
  return {
    onEvent(event) {
      if (event.kind === 'work') {
        const { done, total } = works.get(event.work) ?? event;
        assert.ok(done <= event.done && total <= event.total, JSON.stringify(event));
        assert.ok(event.done <= event.total, JSON.stringify(event));
        works.set(event.work, event);
        return;
      }
      if (event.kind !== 'progress' && event.kind !== 'end') return;
      assert.ok(event.complete <= event.moved && event.moved <= event.total, JSON.stringify(event));
      moved.push(event.moved);
      totals.push(event.total);
      isWhole = event.moved === event.total;
    },
    onProgress(progress) {
      assert.ok(progress.acknowledged <= progress.moved, JSON.stringify(progress));
      moved.push(progress.moved);
    },
    assertTrue({ whole, moves }) {
      for (const figures of [moved, totals]) {
        assert.deepEqual(
          figures,
          figures.toSorted((a, b) => a - b),
        );
      }
      if (!whole) return;
      for (const [work, { done, total }] of works) assert.equal(done, total, work);
      assert.notEqual(isWhole, false);
      assert.equal(moved.at(-1), moves);
    },
  };
}
