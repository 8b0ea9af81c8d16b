import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { atEnd } from '../../test/at-end.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import type { WireEvent } from '../http/event.ts';
import { createImage } from '../image/create.ts';
import type { Image } from '../image/image.ts';
import { createLayer } from '../image/layer.ts';
import { writeTar } from '../tar/write.ts';
import { startRegistry, type TestRegistry } from '../testing/start-registry.ts';
import { type Client, createClient } from './client.ts';

/** A registry, a client and a folder. */
interface Scene {
  readonly client: Client;
  readonly registry: TestRegistry;
  readonly host: string;
  readonly folder: string;
  /** Returns the requests since the last call, such as `GET blobs`. */
  readonly asked: () => readonly string[];
}

/** Opens them for one test. */
export async function open(test: TestContext): Promise<Scene> {
  const registry = await startRegistry();
  const events: WireEvent[] = [];
  const client = createClient({
    keychain: async () => undefined,
    retry: { attempts: 1 },
    onWire: (event) => events.push(event),
  });
  const folder = await mkdtemp(join(tmpdir(), 'gantry-client-'));
  atEnd(test, async () => {
    await client[Symbol.asyncDispose]();
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  });
  const asked = (): readonly string[] => {
    const requests = events.splice(0).flatMap((event) => (event.kind === 'request' ? [event] : []));
    return requests.map(
      ({ method, url }) => `${method} ${/\/(manifests|blobs|tags)\//.exec(url)?.[1] ?? url}`,
    );
  };
  return { client, registry, host: registry.host, folder, asked };
}

export async function makeImage(text: string, architecture = 'amd64'): Promise<Image> {
  const bytes = new TextEncoder().encode(text);
  const files = [{ name: 'file', size: bytes.byteLength, body: bytesContent(bytes).open() }];
  const tar = await collect(writeTar(files), { limit: 2 ** 20, what: 'tar' });
  return createImage({
    config: { os: 'linux', architecture, config: { Labels: { text } } },
    layers: [createLayer(bytesContent(gzipSync(tar)))],
  });
}
