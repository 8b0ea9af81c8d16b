import { type Client, createClient } from '../../src/client/client.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { noise } from '../../src/testing/contract/sample.ts';
import { secret } from '../secret.ts';
import { followTimers, stillHeld } from './held.ts';
import type { Place } from './rows.ts';

/**
 * A program that uses the library in a process of its own. Each use has a client, and is followed by a line of JSON
 * with the resources that hold the process, before the client is closed and after. Its argument is the place as JSON.
 */
interface Surroundings extends Place {
  readonly folder: string;
}

type Use = (client: Client, place: Surroundings) => Promise<unknown>;

/** Takes the first item of a listing or of content, and leaves the rest. */
async function first(listing: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of listing) return;
}

const image = createImage({
  config: { os: 'linux', architecture: 'amd64' },
  layers: [createLayer(bytesContent(noise(2_000_000)))],
});

const uses: Readonly<Record<string, Use>> = {
  push: (client, { layout, host }) => client.push(layout, `${host}/pushed:1`),
  pushImage: (client, { host }) => client.pushImage(`${host}/made:1`, image),
  pull: (client, { host, folder }) => client.pull([`${host}/app:1`], `${folder}/pulled.tar`),
  copy: (client, { host, other }) => client.copy(`${host}/app:1`, `${other}/copied:1`),
  copyRepository: (client, { host, other }) => first(client.copyRepository(`${host}/app`, `${other}/all`)),
  'a copy that is aborted': (client, { host, other }) => {
    const abort = new AbortController();
    const onEvent = (): void => abort.abort();
    return client.copy(`${host}/app:1`, `${other}/aborted:1`, { signal: abort.signal, onEvent });
  },
  getDescriptor: (client, { host }) => client.getDescriptor(`${host}/app:1`),
  getConfig: (client, { host }) => client.getConfig(`${host}/app:1`),
  'an export of which the beginning is read': (client, { host }) =>
    first(client.exportImage(`${host}/app:1`)),
  'files of which the first is listed': (client, { host }) => first(client.listFiles(`${host}/app:1`)),
  unpack: (client, { host, folder }) => client.unpack(`${host}/app:1`, `${folder}/unpacked`),
  diff: (client, { host, other }) => client.diff(`${host}/app:1`, `${other}/app:1`),
  'a blob of which the beginning is read': (client, { host, layer }) =>
    first(client.openBlob(`${host}/app@${layer}`).open()),
  'a layer of which the beginning is read': async (client, { host }) => {
    const [layer] = await (await client.getImage(`${host}/app:1`)).layers();
    if (layer !== undefined) await first(layer.uncompressed().open());
  },
  'tags of which the first is read': (client, { host }) => first(client.tags(`${host}/app`)),
  catalog: (client, { host }) => first(client.catalog(host)),
  referrers: (client, { host }) => first(client.referrers(`${host}/app:1`)),
  validate: (client, { host }) => first(client.validate(`${host}/app:1`)),
  tag: (client, { host }) => client.tag(`${host}/app:1`, ['2', '3']),
  checkLogin: (client, { host }) =>
    client.checkLogin(host, { kind: 'basic', username: 'me', password: secret('library') }),
  token: (client, { host }) => client.token(`${host}/app`),
  'referrerTree, sorted by type': (client, { host }) =>
    client.referrerTree(`${host}/app:1`, { artifactType: 'application/vnd.acme.proof' }),
  'deleteEach, dry': async (client, { host }) => {
    const { digest } = await client.getDescriptor(`${host}/app:1`);
    await first(client.deleteEach([`${host}/app@${digest}`], { dryRun: true }));
  },
  'prune, dry': (client, { host }) => first(client.prune(`${host}/app`, { olderThan: 1, dryRun: true })),
  delete: (client, { host }) => client.delete(`${host}/app:1`),
};

followTimers();
const place: Surroundings = JSON.parse(process.argv[2] ?? '');
for (const [name, use] of Object.entries(uses)) {
  const client = createClient({
    keychain: async () => undefined,
    retry: { initial: 10, uploads: { initial: 10 }, downloads: { initial: 10 } },
    timeouts: { answer: 3000, progress: 3000 },
  });
  // The use may fail, because the registry is faulty.
  await use(client, place).catch(() => undefined);
  const open = await stillHeld();
  await client[Symbol.asyncDispose]();
  const closed = await stillHeld();
  process.stdout.write(`${JSON.stringify({ name, open, closed })}\n`);
}
