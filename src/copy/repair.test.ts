import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createRemoteRegistry } from '../remote/registry.ts';
import { createApp } from '../server/app.ts';
import { children, type Manifest } from '../spec/manifest.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, failsWith, giveImage, indexOf, read } from '../testing/contract/sample.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../wire/message.ts';
import { answer, errorAnswer } from '../wire/reply.ts';
import { copyImage } from './copy.ts';
import type { CopyEvent } from './events.ts';

const layer = blobOf('the layer that is lost');
const other = blobOf('another layer');

async function given(): Promise<{ from: Repository; index: Manifest; one: Manifest; two: Manifest }> {
  const from = createMemoryRegistry().repository('acme/from');
  const one = await giveImage(from, { layers: [layer] });
  const two = await giveImage(from, { layers: [layer, other] });
  const index = indexOf([one.descriptor, two.descriptor]);
  await from.manifests.put(index, { tags: ['v1'] });
  return { from, index, one, two };
}

interface Stage {
  readonly to: Repository;
  readonly inside: Repository;
  readonly asked: string[];
}

/** A registry over HTTP that refuses an image without its blobs. */
function registry(habit: Middleware = (next) => next): Stage {
  const memory = createMemoryRegistry();
  const send = habit(createApp(memory, { sparse: false }));
  const asked: string[] = [];
  const remote = createRemoteRegistry({
    base: 'http://registry.test',
    send: (request) => {
      asked.push(`${request.method} ${request.url.replace(/.*\/acme\/app\//, '').replace(/\?.*/, '')}`);
      return send(request);
    },
  });
  return {
    to: remote.repository('acme/app', { actions: ['pull', 'push'] }),
    inside: memory.repository('acme/app'),
    asked,
  };
}

async function assertWhole(place: Repository, manifest: Manifest): Promise<void> {
  const { body } = await place.manifests.get(manifest.descriptor.digest);
  assert.ok(body.kind !== 'unknown');
  for (const child of children(body)) {
    if (body.kind === 'index') await assertWhole(place, await place.manifests.get(child.digest));
    else await read(place.blobs.open(child));
  }
}

/** A registry that answers HEAD as if this content existed. */
const claims =
  (part: RegExp): Middleware =>
  (next) =>
  async (request) => {
    const response = await next(request);
    if (request.method !== 'HEAD' || !part.test(request.url) || response.status !== 404) return response;
    const digest = part.exec(request.url)?.[0] ?? '';
    const type = ['application/vnd.oci.image.manifest.v1+json'];
    return answer(200, {
      'content-type': type,
      'content-length': ['1'],
      'docker-content-digest': [decodeURIComponent(digest)],
    });
  };

const refusal = /PUT .*\/manifests\//;

/** The forms of the refusal: in the message, in the detail, with many words, with none. */
const words: readonly (readonly [name: string, habit: Middleware])[] = [
  ['in its message', (next) => next],
  [
    'in its detail as distribution does',
    refusesWith((digest) =>
      errorBody([{ code: 'MANIFEST_BLOB_UNKNOWN', message: 'blob unknown', detail: digest }]),
    ),
  ],
  [
    'in a detail of its own',
    refusesWith((digest) =>
      errorBody([{ code: 'MANIFEST_BLOB_UNKNOWN', detail: { missing: [{ digest }] } }]),
    ),
  ],
  ['in no way', refusesWith(() => errorBody([{ code: 'MANIFEST_BLOB_UNKNOWN' }]))],
];

function errorBody(errors: readonly unknown[]): HttpResponse {
  const bytes = new TextEncoder().encode(JSON.stringify({ errors }));
  return answer(404, { 'content-type': ['application/json'] }, bytes);
}

function refusesWith(body: (digest: string) => HttpResponse): Middleware {
  return (next) => async (request) => {
    const response = await next(request);
    const isRefused = refusal.test(`${request.method} ${request.url}`) && response.status >= 400;
    return isRefused ? body(layer.descriptor.digest) : response;
  };
}

describe('copyImage to a destination that has lost content', () => {
  for (const [name, habit] of words) {
    it(`target-lost-content: a copy sends the missing blob of a refused manifest, which the registry names ${name}`, async () => {
      const { from, index } = await given();
      const { to, inside } = registry((next) => claims(new RegExp(layer.descriptor.digest))(habit(next)));
      await copyImage(from, 'v1', to, { tags: ['v1'] });
      await assertWhole(inside, index);
    });
  }

  it('target-lost-content: a copy sends the missing child of a refused index', async () => {
    const { from, index, two } = await given();
    const { digest } = two.descriptor;
    const memory: { inside?: Repository } = {};
    const needsChildren: Middleware = (next) => async (request) => {
      const isIndex = isPut(request, 'v1');
      if (isIndex && (await memory.inside?.manifests.resolve(digest)) === undefined)
        return errorAnswer('MANIFEST_BLOB_UNKNOWN', `child ${digest} is not there`);
      return next(request);
    };
    const { to, inside } = registry((next) => claims(new RegExp(digest))(needsChildren(next)));
    memory.inside = inside;
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    await assertWhole(inside, index);
  });

  it('target-lost-content: a copy fails when the manifest is refused again', async () => {
    const { from } = await given();
    const { to, asked } = registry(
      (next) => async (request) =>
        request.method === 'PUT' && request.url.includes('/manifests/')
          ? errorAnswer('MANIFEST_BLOB_UNKNOWN', `blob ${layer.descriptor.digest} is not there`)
          : next(request),
    );
    await failsWith(copyImage(from, 'v1', to, { tags: ['v1'] }), 'MANIFEST_BLOB_UNKNOWN');
    assert.ok(asked.filter((one) => one.startsWith('PUT manifests/')).length <= 4, asked.join('\n'));
  });
});

function isPut({ method, url }: HttpRequest, reference: string): boolean {
  return method === 'PUT' && url.endsWith(`/manifests/${reference}`);
}

/** A registry that returns other bytes for the layer, even after a put. */
const damaged: Middleware = (next) => async (request) => {
  const response = await next(request);
  const isIt = request.method === 'GET' && request.url.includes(layer.descriptor.digest);
  if (!isIt || response.status !== 200) return response;
  return { ...response, body: spoilt(response.body) };
};

describe('copyImage with repair', () => {
  /** The content that the destination loses and its manifests still name. */
  const losses: readonly (readonly [
    string,
    (place: Repository, index: Manifest, two: Manifest) => unknown,
  ])[] = [
    ['nothing', () => undefined],
    ['a blob', ({ blobs }) => blobs.delete(layer.descriptor.digest)],
    ['a child', ({ manifests }, _, two) => manifests.delete(two.descriptor.digest)],
    ['the root', ({ manifests }, index) => manifests.delete(index.descriptor.digest)],
    [
      'all of it',
      async ({ manifests, blobs }, index, two) => {
        await manifests.delete(index.descriptor.digest);
        await manifests.delete(two.descriptor.digest);
        await blobs.delete(layer.descriptor.digest);
        await blobs.delete(other.descriptor.digest);
      },
    ],
  ];
  for (const [what, lose] of losses) {
    it(`target-lost-content: a repairing copy completes a destination that has lost ${what}`, async () => {
      const { from, index, two } = await given();
      const { to, inside } = registry();
      await copyImage(from, 'v1', to, { tags: ['v1'] });
      await lose(inside, index, two);
      const events: CopyEvent[] = [];
      await copyImage(from, 'v1', to, { tags: ['v1'], repair: true, onEvent: (event) => events.push(event) });
      await assertWhole(inside, index);
      const sent = events.filter((event) => event.kind === 'blob' && event.outcome === 'uploaded');
      const lost = { 'a blob': 1, 'all of it': 2 }[what] ?? 0;
      assert.equal(sent.length, lost);
    });
  }

  it('target-lost-content: a repairing copy fails when the registry keeps damaged bytes, and names the next step', async () => {
    const { from } = await given();
    const { to } = registry(damaged);
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    await failsWith(copyImage(from, 'v1', to, { tags: ['v1'], repair: true }), 'DIGEST_INVALID');
  });

  it('target-lost-content: a copy without repair trusts a root that exists', async () => {
    const { from } = await given();
    const { to, inside, asked } = registry();
    await copyImage(from, 'v1', to, { tags: ['v1'] });
    await inside.blobs.delete(layer.descriptor.digest);
    asked.length = 0;
    await copyImage(from, 'v1', to, { tags: ['v1'], patience: 60_000 });
    assert.deepEqual(asked, ['HEAD manifests/v1']);
  });
});

async function* spoilt(source: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const chunk of source) yield chunk.map((byte) => byte ^ 1);
}
