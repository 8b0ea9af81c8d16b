import assert from 'node:assert/strict';
import { type Client, createClient } from '../../src/client/client.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import type { Image } from '../../src/image/image.ts';
import { createLayer } from '../../src/image/layer.ts';
import type { Credential } from '../../src/keychain/credential.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { apiHost } from '../../src/spec/reference.ts';
import type { Registry, Repository } from '../../src/store/contract.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer, jsonAnswer } from '../../src/wire/reply.ts';
import { operationOf, refuses } from '../faults/spoil.ts';
import { secret } from '../secret.ts';

/** A client, and a registry with a habit. The client knows only its host. */

export interface Habit {
  /** The host of the registry. Default `registry.test`. */
  readonly registry?: string;
  /** Stands between the client and a registry without faults. Requests have a path, as over a socket. */
  readonly quirk: Middleware;
  /** Answers requests with a whole address, to other hosts. Default: no such request may come. */
  readonly elsewhere?: (request: HttpRequest) => HttpResponse;
  readonly credential?: Credential;
  /** The maximum number of attempts for a request. Default 3, without waits between them. */
  readonly attempts?: number;
}

export interface Asked extends HttpRequest {
  readonly kind: OperationKind | undefined;
}

export interface Stage {
  readonly client: Client;
  /** The name of `acme/app` there, for a client. */
  readonly name: string;
  /** The repository `acme/app` itself. */
  readonly inside: Repository;
  readonly memory: Registry;
  /** The requests to the registry, each with a path. */
  readonly asked: readonly Asked[];
}

export function stage({ registry = 'registry.test', quirk, elsewhere, ...habit }: Habit): Stage {
  const { credential, attempts = 3 } = habit;
  const memory = createMemoryRegistry();
  const asked: Asked[] = [];
  const send = quirk(createApp(memory));
  const base = `https://${apiHost(registry)}`;
  const retry = { initial: 0, jitter: 0, attempts };
  const client = createClient({
    keychain: async () => credential,
    async transport(request) {
      if (!request.url.startsWith(`${base}/`)) {
        assert.ok(elsewhere !== undefined, `nobody may ask ${request.url}`);
        return elsewhere(request);
      }
      const seen = { ...request, url: request.url.slice(base.length) };
      asked.push({ ...seen, kind: operationOf(seen)?.kind });
      return send(seen);
    },
    retry: { ...retry, uploads: retry, downloads: retry },
  });
  return { client, name: `${registry}/acme/app`, inside: memory.repository('acme/app'), memory, asked };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

export const layer: Uint8Array = encode('a layer '.repeat(100));

export const image: Image = createImage({
  config: { os: 'linux', architecture: 'amd64', config: { Labels: { a: 'label' } } },
  layers: [createLayer(bytesContent(layer))],
});

/** Pushes an image, reads it back, lists it and, with `deletes`, deletes it through the client. */
export async function worksWhole(
  { client, name, inside }: Stage,
  { deletes = true }: { readonly deletes?: boolean } = {},
): Promise<void> {
  const pushed = await client.pushImage(`${name}:v1`, image);
  assert.equal((await inside.manifests.resolve('v1'))?.digest, pushed.digest);
  assert.deepEqual(await readsWhole({ client, name }), pushed.digest);
  assert.deepEqual(await listOf(client.tags(name)), ['v1']);
  if (!deletes) return;
  await client.delete(`${name}@${pushed.digest}`);
  assert.equal(await client.exists(`${name}:v1`), false);
}

/** Asserts that the client reads every byte of the image under `v1`, with its digest. */
export async function readsWhole({ client, name }: Pick<Stage, 'client' | 'name'>): Promise<string> {
  const found = await client.getImage(`${name}:v1`);
  for (const one of await found.layers()) {
    for await (const _ of one.compressed().open());
  }
  assert.ok((await client.getConfig(`${name}:v1`)).byteLength > 0);
  return (await client.getDescriptor(`${name}:v1`)).digest;
}

/** Opens a registry that already has the image under `v1`. */
export async function withImage(habit: Habit): Promise<Stage> {
  const made = stage(habit);
  const source = stage({ quirk: (next) => next });
  await source.client.pushImage(`${source.name}:v1`, image);
  const manifest = await source.inside.manifests.get('v1');
  for (const { digest, size, mediaType } of blobsOf(manifest.body)) {
    await made.inside.blobs.write(
      { digest, size, mediaType },
      source.inside.blobs.open({ digest, size, mediaType }),
    );
  }
  await made.inside.manifests.put(manifest, { tags: ['v1'] });
  return made;
}

function blobsOf(body: Awaited<ReturnType<Repository['manifests']['get']>>['body']) {
  assert.ok(body.kind === 'image');
  return [body.config, ...body.layers];
}

export interface Door {
  /** The lines of WWW-Authenticate. Without lines, the 401 says nothing. */
  readonly challenge?: readonly string[];
  /** The path of the token service on the same host. */
  readonly path?: string;
  readonly grants?: (request: HttpRequest) => HttpResponse;
  /** The Authorization that opens the door. */
  readonly key?: string;
}

const bearer = 'Bearer realm="https://registry.test/token",service="registry.test"';

/** Refuses requests without the key, by default the token of the service on the same host. */
export function door({
  challenge = [bearer],
  path = '/token',
  grants = () => jsonAnswer(200, { token: secret('given') }),
  key = `Bearer ${secret('given')}`,
}: Door = {}): Middleware {
  return (next) => async (request) => {
    if (request.url.split('?', 1)[0] === path) return grants(request);
    if (headerValue(request.headers, 'authorization') === key) return next(request);
    return answer(401, challenge.length === 0 ? {} : { 'www-authenticate': challenge });
  };
}

/** Returns the scopes of a token request. */
export function scopesOf({ url }: HttpRequest): readonly string[] {
  return new URL(url, 'https://registry.test').searchParams.getAll('scope');
}

/** Refuses every request of this kind. */
export const refusesKind = (kind: OperationKind, refusal: () => HttpResponse): Middleware =>
  refuses((operation) => (operation.kind === kind ? refusal() : undefined));

export const isTag = (reference: string): boolean => !reference.includes(':');

/** Makes a response in plain text. */
export const text = (status: number, words: string): HttpResponse =>
  answer(status, { 'content-type': ['text/plain; charset=utf-8'] }, encode(words));

export const basic = (username: string, password: string): Credential => ({
  kind: 'basic',
  username,
  password,
});
