import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { emptyContent, streamContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import type { Algorithm } from '../spec/digest.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, emptyConfig, failsWith, give, imageOf, listOf } from '../testing/contract/sample.ts';
import type { HttpRequest, HttpResponse, Middleware } from '../wire/message.ts';
import { errorAnswer } from '../wire/reply.ts';
import { createRemoteRegistry } from './registry.ts';

const blob = blobOf('bytes');
const long = blobOf('bytes', 'sha512');
const other = digestOf(new TextEncoder().encode('other bytes'));

function stage(habit: Middleware): { readonly remote: Repository; readonly inside: Repository } {
  const memory = createMemoryRegistry();
  const send = habit(createApp(memory, { anonymousMounts: false }));
  const registry = createRemoteRegistry({ base: 'http://registry.test', send });
  return {
    remote: registry.repository('acme/app', { actions: ['pull', 'push'] }),
    inside: memory.repository('acme/app'),
  };
}

const isPut = ({ method }: HttpRequest): boolean => method === 'PUT';

/** A registry whose answers to puts name this digest, or none. */
const saying =
  (digest: string | undefined): Middleware =>
  (next) =>
  async (request) =>
    isPut(request) ? naming(await next(request), digest) : next(request);

function naming(response: HttpResponse, digest: string | undefined): HttpResponse {
  if (response.status >= 300) return response;
  const { 'docker-content-digest': _, ...rest } = response.headers;
  return {
    ...response,
    headers: digest === undefined ? rest : { ...rest, 'docker-content-digest': [digest] },
  };
}

/** A registry that keeps content put by sha512 only by sha256. Its answers name that digest, or none. */
const keepsSha256 =
  ({ says = true }: { readonly says?: boolean } = {}): Middleware =>
  (next) =>
  async (request) => {
    if (!isPut(request) || !request.url.includes('sha512')) return next(request);
    const bytes = Buffer.concat(await listOf((request.body ?? emptyContent).open()));
    const digest = digestOf(bytes);
    const url = request.url.replace(/sha512(?::|%3A)\w+/, digest).replace(/\?tag=.*/, '');
    return naming(await next({ ...request, url }), says ? digest : undefined);
  };

const refusesSha512: Middleware = (next) => async (request) => {
  if (!isPut(request) || !request.url.includes('sha512')) return next(request);
  await listOf((request.body ?? emptyContent).open());
  return errorAnswer('DIGEST_INVALID', 'provided digest did not match uploaded content');
};

interface Row {
  readonly name: string;
  readonly habit: Middleware;
  readonly algorithm: Algorithm;
  /** Default: the content is stored. */
  readonly fails?: 'DIGEST_INVALID' | 'UNSUPPORTED';
}

const rows: readonly Row[] = [
  { name: 'that is kept by sha512', habit: (next) => next, algorithm: 'sha512' },
  { name: 'whose answer names no digest', habit: saying(undefined), algorithm: 'sha256' },
  {
    name: 'that is kept by sha512 without a digest in the answer',
    habit: saying(undefined),
    algorithm: 'sha512',
  },
  {
    name: 'that is kept by sha256 alone',
    habit: keepsSha256(),
    algorithm: 'sha512',
    fails: 'UNSUPPORTED',
  },
  {
    name: 'that is kept by sha256 alone without a digest in the answer',
    habit: keepsSha256({ says: false }),
    algorithm: 'sha512',
    fails: 'UNSUPPORTED',
  },
  { name: 'that is refused for its sha512', habit: refusesSha512, algorithm: 'sha512', fails: 'UNSUPPORTED' },
  {
    name: 'that the registry replaces by other bytes',
    habit: saying(other),
    algorithm: 'sha256',
    fails: 'DIGEST_INVALID',
  },
  {
    name: 'that is stored, with a digest in the answer that gantry cannot compute,',
    habit: saying('blake9:aaaaaaaa'),
    algorithm: 'sha256',
  },
];

async function outcome(written: Promise<unknown>, fails: Row['fails']): Promise<void> {
  if (fails === undefined) await written;
  else await failsWith(written, fails);
}

for (const { name, habit, algorithm, fails } of rows) {
  const becomes = fails === undefined ? 'is stored' : `is ${fails}`;

  describe(`${algorithm} content ${name}`, () => {
    it(`sha512-kept-as-sha256: ${algorithm} content ${name} ${becomes} as a manifest by its digest`, async () => {
      const { remote, inside } = stage(habit);
      await give(inside, emptyConfig);
      const manifest = imageOf({ algorithm });
      await outcome(remote.manifests.put(manifest), fails);
      const { digest } = manifest.descriptor;
      if (fails === undefined) assert.equal((await inside.manifests.resolve(digest))?.digest, digest);
    });

    for (const tags of [['one'], ['one', 'two']]) {
      it(`sha512-kept-as-sha256: ${algorithm} content ${name} ${becomes} as a manifest with ${tags.length} tags`, async () => {
        const { remote, inside } = stage(habit);
        await give(inside, emptyConfig);
        await outcome(remote.manifests.put(imageOf({ algorithm }), { tags }), fails);
        if (fails === undefined) assert.deepEqual(await listOf(inside.tags.list()), tags);
        if (fails === 'UNSUPPORTED') assert.equal(await inside.manifests.resolve('one'), undefined);
      });
    }

    it(`sha512-kept-as-sha256: ${algorithm} content ${name} ${becomes} as a blob`, async () => {
      const { remote } = stage(habit);
      const { descriptor, content } = algorithm === 'sha512' ? long : blob;
      await outcome(remote.blobs.write(descriptor, content), fails);
    });

    it(`sha512-kept-as-sha256: ${algorithm} content ${name} ${becomes} as a stream`, async () => {
      const { remote } = stage(habit);
      await outcome(remote.blobs.ingest(streamContent(blob.content.open()), { algorithm }), fails);
    });
  });
}

describe('a blob by sha512', () => {
  it('sha512-kept-as-sha256: a blob is stored if the answer names its sha256 and the registry has linked it', async () => {
    const { remote } = stage(saying(blob.descriptor.digest));
    assert.equal(await remote.blobs.write(long.descriptor, long.content), 'uploaded');
  });

  it('sha512-kept-as-sha256: a blob with other bytes fails for its bytes, and not for the digests of the registry', async () => {
    const { remote } = stage(refusesSha512);
    await failsWith(remote.blobs.write(long.descriptor, blobOf('bytez').content), 'DIGEST_INVALID');
  });
});

it('sha512-kept-as-sha256: a mount of other content counts as none, and the blob is sent', async () => {
  const { remote } = stage((next) => async (request) => {
    const response = await next(request);
    return request.url.includes('mount=') ? naming({ ...response, status: 201 }, other) : response;
  });
  assert.equal(
    await remote.blobs.write(blob.descriptor, blob.content, { mountFrom: ['acme/base'] }),
    'uploaded',
  );
});
