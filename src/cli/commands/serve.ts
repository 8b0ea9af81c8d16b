import { parseAddress } from '../address.ts';
import type { Context } from '../context.ts';
import { errorLine } from '../failure.ts';
import type { Given } from '../given.ts';
import { openStore } from '../serve/store.ts';

/** `gantry serve`: until a signal ends it. */
export async function serve(context: Context, given: Given): Promise<void> {
  const disk = given.text('disk');
  const address = parseAddress(given.text('address') ?? process.env['PORT'] ?? '0');
  const { createApp } = await import('../../server/app.ts');
  const { listen } = await import('../../server/node.ts');
  await using store = await openStore(disk);
  const handler = createApp(store.registry, {
    sparse: !given.flag('strict'),
    onFailure: (error) => context.output.note(errorLine(error), 'warning'),
  });
  await using listener = await listen(handler, address);
  const { host, port, url } = listener;
  if (context.json) await context.result({ url, host, port });
  // It begins as crane's does: scripts wait for that.
  context.output.note(`serving on port ${port}: ${url}, ${disk ? `kept in ${disk}` : 'in memory'}`);
  await aborted(context.signal);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
