import { onAbort } from '../../flow/abort.ts';
import { parseListenAddress } from '../address.ts';
import type { Context } from '../context.ts';
import { errorLine } from '../failure.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { accessOf, makeAccess } from '../serve/access.ts';
import { boundHeap } from '../serve/heap.ts';
import { operate } from '../serve/operate.ts';
import { operationOf } from '../serve/operation.ts';
import { proxyOf, withProxy } from '../serve/proxy.ts';
import { openStore } from '../serve/store.ts';

/** `gantry serve`: runs until a signal ends it. */
export async function serve(context: Context, given: ParsedArgs): Promise<void> {
  boundHeap();
  const disk = given.text('disk');
  const address = parseListenAddress(given.text('address'), process.env['PORT']);
  const warn = (error: unknown): void => context.output.note(errorLine(error), 'warning');
  const { createApp } = await import('../../server/app.ts');
  const { listen } = await import('../../server/node/listen.ts');
  const operation = operationOf(given);
  const proxy = proxyOf(given);
  const wanted = await accessOf(given, { host: address.host, onProblem: warn });
  await using kept = await openStore(disk, {
    sessionTtl: given.text('session-ttl'),
    readOnly: given.flag('read-only'),
  });
  await using store = await withProxy(kept, proxy, context);
  await using operated = await operate(operation, context);
  const app = createApp(store.registry, {
    ...operated.app,
    // A cache changes only by its own pulls.
    writes: store.proxy === undefined && operated.app.writes,
    access: await makeAccess(wanted, store),
    sparse: !given.flag('strict'),
    onFailure: warn,
  });
  const { observer } = operated;
  const rules = { ...address, ...operation.listen, ...wanted.listen, observer };
  await using listener = await listen(operated.around(app), {
    ...rules,
    hosts: [...operation.hosts, ...wanted.hosts],
  });
  const { host, port, url } = listener;
  if (context.json) await context.result({ url, host, port });
  // The line begins like crane's, since scripts wait for that text.
  const place = disk ? `stored in ${disk}` : 'in memory';
  const what = store.proxy === undefined ? place : `a cache of ${store.proxy}, ${place}`;
  context.output.note(`serving on port ${port}: ${url}, ${what}`);
  await new Promise<void>((resolve) => onAbort(context.signal, resolve));
  await listener.close(operation);
}
