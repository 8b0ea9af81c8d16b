import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { measure } from '../flow/hash.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { blobOf, give, noise } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import { createClient } from './client.ts';

const mebibyte = 1024 * 1024;
const blob = blobOf(noise(40 * mebibyte));

it('openBlob reads a large blob from a slow registry over several connections at once', async () => {
  const registry = createMemoryRegistry();
  await give(registry.repository('app'), blob);
  const app = createApp(registry);
  let [running, most] = [0, 0];
  /** Each connection brings at most 20 MiB a second. */
  const transport: Send = async (request) => {
    const response = await app(request);
    const body = async function* (): AsyncIterable<Uint8Array> {
      most = Math.max(most, ++running);
      try {
        for await (const chunk of response.body) {
          for (let at = 0; at < chunk.byteLength; at += mebibyte) {
            await wait(50);
            yield chunk.subarray(at, at + mebibyte);
          }
        }
      } finally {
        running--;
      }
    };
    return { ...response, body: body() };
  };
  await using client = createClient({ transport, keychain: async () => undefined });
  const { digest } = blob.descriptor;
  assert.equal((await measure(client.openBlob(`registry.test/app@${digest}`).open())).digest, digest);
  assert.ok(most >= 4, `${most} connections`);
  assert.equal(running, 0);
});
