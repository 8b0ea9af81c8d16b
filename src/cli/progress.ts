import type { CopyObserver } from '../copy/events.ts';
import { type Clock, unheldClock } from '../time/clock.ts';
import { createMeter } from './meter.ts';
import type { Output } from './output.ts';
import { jsonProgress } from './progress-json.ts';
import { plainProgress } from './progress-plain.ts';
import { ttyProgress } from './progress-tty.ts';
import type { ProgressMode, Renderer } from './renderer.ts';

export interface Progress {
  readonly observe: CopyObserver;
  end(done: boolean): void;
}

const renderers: Readonly<Record<Exclude<ProgressMode, 'none'>, (output: Output) => Renderer>> = {
  tty: ttyProgress,
  plain: plainProgress,
  json: jsonProgress,
};

/** Shows the events of a copy until `end`. By default it draws bars on a terminal and prints lines elsewhere. */
export function startProgress(
  output: Output,
  { mode, clock = unheldClock }: { readonly mode?: ProgressMode | undefined; readonly clock?: Clock } = {},
): Progress {
  const chosen = mode ?? (output.columns === undefined ? 'plain' : 'tty');
  if (chosen === 'none') return { observe: () => undefined, end: () => undefined };

  const renderer = renderers[chosen](output);
  const meter = createMeter(() => clock.now());
  const tick = (): void => {
    renderer.tick(meter.read());
    cancel = clock.after(renderer.interval, tick);
  };
  let cancel = clock.after(renderer.interval, tick);
  return {
    observe(event) {
      meter.note(event);
      renderer.event?.(event);
    },
    end(done) {
      cancel();
      renderer.end(meter.read(), done);
    },
  };
}
