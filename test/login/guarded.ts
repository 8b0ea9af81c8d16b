import type { TestContext } from 'node:test';
import { bytesContent } from '../../src/flow/content.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { listen } from '../../src/server/node/listen.ts';
import type { Registry } from '../../src/store/contract.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest } from '../../src/wire/message.ts';
import { atEnd } from '../at-end.ts';

export interface Guarded {
  readonly host: string;
  readonly registry: Registry;
  /** The `user:password` of every request that had one. */
  readonly shown: ReadonlySet<string>;
  readonly requests: readonly HttpRequest[];
}

/** Starts an embedded registry that demands Basic from everybody. `allows` decides the rights of each user. */
export async function startGuarded(
  test: TestContext,
  allows: (who: string, request: HttpRequest) => boolean,
): Promise<Guarded> {
  const registry = createMemoryRegistry();
  const app = createApp(registry);
  const shown = new Set<string>();
  const requests: HttpRequest[] = [];
  const listener = await listen(async (request) => {
    requests.push(request);
    const [, encoded = ''] = /^Basic (.+)$/.exec(headerValue(request.headers, 'authorization') ?? '') ?? [];
    const who = Buffer.from(encoded, 'base64').toString();
    if (who !== '') shown.add(who);
    if (who !== '' && allows(who, request)) return await app(request);
    const headers = { 'www-authenticate': ['Basic realm="guarded"'] };
    return { status: 401, headers, body: bytesContent(new Uint8Array()).open() };
  });
  atEnd(test, () => listener.close({ grace: 0 }));
  return { host: listener.url.slice('http://'.length), registry, shown, requests };
}
