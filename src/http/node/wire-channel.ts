import diagnostics from 'node:diagnostics_channel';
import type { WireObserver } from '../event.ts';

const channel = diagnostics.channel('gantry:wire');

/**
 * Publishes each event on the `gantry:wire` channel of `node:diagnostics_channel`, too. This covers all pipelines of
 * the process that are created after the first subscription, so a tracer needs no support from the program.
 */
export function published(observe: WireObserver | undefined): WireObserver | undefined {
  if (!channel.hasSubscribers) return observe;
  return (event) => {
    channel.publish(event);
    observe?.(event);
  };
}
