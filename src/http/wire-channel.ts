import diagnostics from 'node:diagnostics_channel';
import type { WireObserver } from './event.ts';

const channel = diagnostics.channel('gantry:wire');

/**
 * Tells whoever subscribed to the `gantry:wire` channel of `node:diagnostics_channel` what the observer is told, of all
 * lines of the process that are made from then on: tracing that the program itself knows nothing of.
 */
export function published(observe: WireObserver | undefined): WireObserver | undefined {
  if (!channel.hasSubscribers) return observe;
  return (event) => {
    channel.publish(event);
    observe?.(event);
  };
}
