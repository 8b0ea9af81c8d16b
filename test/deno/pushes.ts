import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import {
  bytesContent,
  createClient,
  createImage,
  createLayer,
  type Image,
  isGantryError,
  MediaType,
} from '../../src/index.ts';
import { startRegistry } from '../../src/testing/index.ts';

/**
 * Pushes images through a relay that ends its kept connections, while they are idle and at their next request. Runs on
 * Node and on Deno. Exits with 0 if every image has arrived at the end.
 */

const registry = await startRegistry();
const [hostname = '', port] = registry.host.split(':');
const open = new Set<Socket>();
let endsNextRequest = false;

const relay = createServer({ noDelay: true }, (near) => {
  const far = connect({ host: hostname, port: Number(port), noDelay: true });
  for (const socket of [near, far]) {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open.delete(near);
      near.destroy();
      far.destroy();
    });
  }
  open.add(near);
  let isKept = false;
  near.on('data', (chunk) => {
    if (endsNextRequest && isKept) {
      endsNextRequest = false;
      near.destroy();
    } else {
      far.write(chunk);
    }
  });
  far.on('data', (chunk) => {
    isKept = true;
    near.write(chunk);
  });
});
await new Promise<void>((resolve) => {
  relay.listen(0, '127.0.0.1', resolve);
});
const host = `127.0.0.1:${portOf(relay.address())}`;

function portOf(address: AddressInfo | string | null): number {
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}

function imageOf(name: string): Image {
  const layer = createLayer(bytesContent(new TextEncoder().encode(`a layer of ${name}\n`.repeat(500))), {
    mediaType: MediaType.ociLayer,
  });
  return createImage({ config: { os: 'linux', architecture: 'amd64', author: name }, layers: [layer] });
}

const client = createClient();
const spoilt: readonly [string, () => void][] = [
  ['fresh', () => undefined],
  ['kept', () => undefined],
  [
    'idle',
    () => {
      for (const socket of open) socket.destroy();
    },
  ],
  [
    'dead',
    () => {
      endsNextRequest = true;
    },
  ],
];
for (const [tag, spoil] of spoilt) {
  spoil();
  const { digest } = await client.pushImage(`${host}/acme/app:${tag}`, imageOf(tag));
  spoil();
  const found = await client.getDescriptor(`${host}/acme/app:${tag}`);
  assert.equal(found.digest, digest);
}
spoilt[3]?.[1]();
await assert.rejects(client.getDescriptor(`${host}/acme/app:none`), (error) =>
  isGantryError(error, 'MANIFEST_UNKNOWN'),
);

await client[Symbol.asyncDispose]();
await registry.close();
for (const socket of open) socket.destroy();
relay.close();
