import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { createLine } from '../../src/http/line.ts';
import { createNodeTransport } from '../../src/http/node/transport.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import type { Registry } from '../../src/store/contract.ts';
import { registryContract } from '../../src/testing/contract.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';

/**
 * Runs the contract suite over every stack of rooms: each rule for a place also holds behind the protocol, and behind
 * it twice.
 */

async function disk(test: TestContext): Promise<Registry> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-contract-'));
  const registry = await openDiskRegistry(folder);
  atEnd(test, async () => {
    await registry[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  return registry;
}

/** Returns a client over a server over `registry`, without a port between them. */
function direct(registry: Registry): Registry {
  return createRemoteRegistry({ base: 'http://registry.test', send: createApp(registry) });
}

/** Returns the same with a real connection. */
async function connected(test: TestContext, registry: Registry): Promise<Registry> {
  const server = await startRegistry({ registry });
  const transport = createNodeTransport();
  atEnd(test, async () => {
    await transport.close();
    await server.close();
  });
  return createRemoteRegistry({ base: server.url, send: createLine({ transport: transport.send }) });
}

registryContract('client over server over memory', () => direct(createMemoryRegistry()));
registryContract('client over server over disk', async (test) => direct(await disk(test)));
registryContract('client over server over client over server over memory', () =>
  direct(direct(createMemoryRegistry())),
);
// id: contract-over-sockets
registryContract('client over server over memory, over sockets', (test) =>
  connected(test, createMemoryRegistry()),
);
registryContract('client over server over disk, over sockets', async (test) =>
  connected(test, await disk(test)),
);
registryContract('client over server over client over server over memory, over sockets', async (test) =>
  connected(test, await connected(test, createMemoryRegistry())),
);
