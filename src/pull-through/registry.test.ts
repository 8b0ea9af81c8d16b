import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createRemoteRegistry } from '../remote/registry.ts';
import { createApp } from '../server/app.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, failsWith, give, giveImage, listOf, noise, read } from '../testing/contract/sample.ts';
import { type FaultEffect, withFaults } from '../testing/faults.ts';
import { createPullThrough } from './registry.ts';
import type { UpstreamFailure } from './upstream.ts';

const layer = blobOf(noise(1000));
const absent = blobOf('nobody has it').descriptor;

/** A cache of a registry with one image. The registry does only `effect` if that is given. */
async function stage(effect?: FaultEffect) {
  const place = createMemoryRegistry();
  const image = await giveImage(place.repository('app'), {}, 'v1');
  await give(place.repository('app'), layer);
  const send = withFaults(effect === undefined ? [] : [{ effect, times: 'always' }])(createApp(place));
  const download = { retry: { attempts: 1 } };
  const failures: UpstreamFailure[] = [];
  const through = createPullThrough(
    createRemoteRegistry({ base: 'http://upstream.test', send, download }),
    createMemoryRegistry(),
    { onFailure: (failure) => failures.push(failure) },
  );
  return { image, failures, repository: through.repository('app') };
}

describe('createPullThrough', () => {
  it('a cache returns a manifest by its tag and by its digest', async () => {
    const { image, repository } = await stage();
    for (const reference of ['v1', image.descriptor.digest]) {
      assert.deepEqual((await repository.manifests.get(reference)).descriptor, image.descriptor);
    }
  });

  it('a cache returns a part of a blob that it has not stored', async () => {
    const { repository } = await stage();
    const { digest } = layer.descriptor;
    for (const blob of [digest, layer.descriptor]) {
      const part = await read(repository.blobs.open(blob), { from: 10, to: 20 });
      assert.deepEqual(part, layer.bytes.slice(10, 20));
    }
  });

  const part = { from: 10, to: 20 };
  const rows: readonly [
    what: string,
    effect: FaultEffect | undefined,
    ask: (repository: Repository) => Promise<unknown>,
    code: string,
  ][] = [
    ['an unknown tag', undefined, ({ manifests }) => manifests.get('v2'), 'MANIFEST_UNKNOWN'],
    [
      'a part of an unknown blob',
      undefined,
      ({ blobs }) => read(blobs.open(absent.digest), part),
      'BLOB_UNKNOWN',
    ],
    [
      'a part of a blob that breaks off',
      { cut: { of: 'answer', after: 5 } },
      ({ blobs }) => read(blobs.open(layer.descriptor), part),
      'CUT_OFF',
    ],
    [
      'a part of a blob of unknown size',
      { headers: { 'content-length': [], 'content-range': [] } },
      ({ blobs }) => read(blobs.open(layer.descriptor.digest), part),
      'UNEXPECTED_ANSWER',
    ],
    [
      'a request that the upstream does not support',
      {
        status: 405,
        headers: { 'content-type': 'application/json' },
        body: '{"errors":[{"code":"UNSUPPORTED"}]}',
      },
      ({ tags }) => listOf(tags.list()),
      'UNSUPPORTED',
    ],
  ];
  for (const [what, effect, ask, code] of rows) {
    it(`a cache answers with ${code} to ${what}`, async () => {
      const { repository, failures } = await stage(effect);
      await failsWith(ask(repository), code);
      assert.equal(failures.length, effect === undefined ? 0 : 1);
    });
  }
});
