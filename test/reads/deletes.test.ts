import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { retry } from '../../src/http/retry.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { blobOf, give, giveImage } from '../../src/testing/contract/sample.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import { losesAnswers, refuses, refusesSteps } from '../faults/spoil.ts';
import { stage } from '../quirks/stage.ts';

describe('a deletion where there is nothing', () => {
  const refusals = [
    ['a registry that knows it', undefined],
    [
      'distribution 2.8, which takes a tag for a broken digest',
      () => errorAnswer('DIGEST_INVALID', 'no digest'),
    ],
    ['a registry without deletion of tags', () => errorAnswer('UNSUPPORTED', 'not here')],
    ['a registry without the repository', () => errorAnswer('NAME_UNKNOWN', 'no such repository')],
  ] as const;
  for (const [name, refusal] of refusals) {
    it(`delete-nothing: a deletion of nothing is MANIFEST_UNKNOWN at ${name}`, async () => {
      const { client, name: app } = stage({
        quirk: refuses(({ kind }) => (kind === 'manifest.delete' ? refusal?.() : undefined)),
      });
      for (const reference of [`${app}:tag`, `${app}-other:tag`]) {
        await assert.rejects(client.delete(reference), { code: 'MANIFEST_UNKNOWN' });
      }
    });
  }

  it('delete-nothing: a deletion is UNSUPPORTED if the tag exists and the registry refuses its deletion', async () => {
    const { client, name, inside } = stage({
      quirk: refuses(({ kind }) =>
        kind === 'manifest.delete' ? errorAnswer('DIGEST_INVALID', 'no digest') : undefined,
      ),
    });
    await giveImage(inside, {}, '1');
    await assert.rejects(client.delete(`${name}:1`), { code: 'UNSUPPORTED' });
  });
});

describe('a deletion whose answer is lost', () => {
  it('lost-deletion: a deletion by tag or digest succeeds although its second request finds nothing', async () => {
    for (const by of ['tag', 'digest'] as const) {
      const { client, name, inside } = stage({ quirk: losesAnswers(['manifest.delete']) });
      const { descriptor } = await giveImage(inside, {}, '1');
      await client.delete(by === 'tag' ? `${name}:1` : `${name}@${descriptor.digest}`);
      assert.equal(await inside.manifests.resolve('1'), undefined);
    }
  });

  it('lost-deletion: a deletion succeeds although a gateway has lost its response', async () => {
    let gone = false;
    const { client, name, inside } = stage({
      quirk: (next) => async (request) => {
        const response = await next(request);
        if (request.method !== 'DELETE' || gone) return response;
        gone = true;
        return answer(504);
      },
    });
    await giveImage(inside, {}, '1');
    await client.delete(`${name}:1`);
  });

  it('lost-deletion: a deletion found nothing if no earlier request can have deleted it', async () => {
    const { client, name } = stage({ quirk: refusesSteps(429, ['manifest.delete'], 1) });
    await assert.rejects(client.delete(`${name}:1`), { code: 'MANIFEST_UNKNOWN' });
  });

  it('lost-deletion: a deletion of a blob succeeds although its response was lost', async () => {
    const memory = createMemoryRegistry();
    const remote = createRemoteRegistry({
      base: 'http://registry.test',
      send: retry({ initial: 0 })(losesAnswers(['blob.delete'])(createApp(memory))),
    });
    const blob = blobOf('a blob');
    await give(memory.repository('acme/app'), blob);
    const { blobs } = remote.repository('acme/app', { actions: ['delete'] });
    assert.equal(await blobs.delete(blob.descriptor.digest), true);
    assert.equal(await blobs.delete(blob.descriptor.digest), false);
  });
});
