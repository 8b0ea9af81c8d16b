import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../archive/archives.test.samples.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { blobOf, giveImage, listOf } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import { type Client, createClient } from './client.ts';
import type { TransferOptions } from './copy.ts';

const reason = new Error('the caller has enough');
const source = 'registry.test/acme/app:1';
const target = 'registry.test/acme/other';

async function scene(test: TestContext) {
  const memory = createMemoryRegistry();
  const app = createApp(memory);
  const sent: string[] = [];
  const transport: Send = (request) => {
    sent.push(new URL(request.url).pathname);
    return app(request);
  };
  const client = createClient({ transport, keychain: async () => undefined });
  atEnd(test, () => client.close());
  await giveImage(memory.repository('acme/app'), { layers: [blobOf('layer')] }, '1');
  const layout = join(folder(test), 'layout');
  await client.pull([source], layout, { format: 'oci' });
  /** The requests to the destination. */
  const toTarget = () => sent.filter((path) => path.startsWith('/v2/acme/other/'));
  return { client, layout, toTarget };
}

type Verb = (client: Client, layout: string, options: TransferOptions) => Promise<unknown>;

const verbs: Readonly<Record<string, Verb>> = {
  copy: (client, _, options) => client.copy(source, `${target}:1`, options),
  'copy with referrers': (client, _, options) =>
    client.copy(source, `${target}:1`, { ...options, referrers: true }),
  'copy with repair': (client, _, options) =>
    client.copy(source, `${target}:1`, { ...options, repair: true }),
  push: (client, layout, options) => client.push(layout, `${target}:1`, options),
  'push of an index': (client, layout, options) =>
    client.push(layout, `${target}:1`, { ...options, index: true }),
  pushImage: async (client, _, options) =>
    client.pushImage(`${target}:1`, await client.getImage(source), options),
  copyRepository: (client, _, options) =>
    listOf(client.copyRepository('registry.test/acme/app', target, options)),
  'pull into a layout': (client, layout, options) =>
    client.pull([source], `${layout}-2`, { ...options, format: 'oci' }),
  'pull into an archive': (client, layout, options) => client.pull([source], `${layout}.tar`, options),
};

describe('a verb that waits for admit', () => {
  for (const [name, verb] of Object.entries(verbs)) {
    it(`an abort while admit decides ends ${name} with its reason, and nothing is written`, async (test) => {
      const { client, layout, toTarget } = await scene(test);
      const end = new AbortController();
      let calls = 0;
      const admit = async (): Promise<void> => {
        calls++;
        end.abort(reason);
        await new Promise((resolve) => setImmediate(resolve));
      };
      await assert.rejects(verb(client, layout, { admit, signal: end.signal }), (error) => error === reason);
      assert.equal(calls, 1);
      assert.deepEqual(
        toTarget().filter((path) => !path.endsWith('/tags/list')),
        [],
      );
    });

    it(`${name} calls admit once, also when it is repeated`, async (test) => {
      const { client, layout } = await scene(test);
      for (let round = 0; round < 2; round++) {
        let calls = 0;
        await verb(client, layout, { admit: () => void calls++ });
        assert.equal(calls, 1);
      }
    });
  }
});
