import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { giveImage } from '../../src/testing/contract/sample.ts';
import { errorAnswer } from '../../src/wire/reply.ts';
import { refuses } from '../faults/spoil.ts';
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
    it(`delete-nothing: is MANIFEST_UNKNOWN at ${name}`, async () => {
      const { client, name: app } = stage({
        quirk: refuses(({ kind }) => (kind === 'manifest.delete' ? refusal?.() : undefined)),
      });
      for (const reference of [`${app}:tag`, `${app}-other:tag`]) {
        await assert.rejects(client.delete(reference), { code: 'MANIFEST_UNKNOWN' });
      }
    });
  }

  it('delete-nothing: is UNSUPPORTED where the tag is there and only its deletion is refused', async () => {
    const { client, name, inside } = stage({
      quirk: refuses(({ kind }) =>
        kind === 'manifest.delete' ? errorAnswer('DIGEST_INVALID', 'no digest') : undefined,
      ),
    });
    await giveImage(inside, {}, '1');
    await assert.rejects(client.delete(`${name}:1`), { code: 'UNSUPPORTED' });
  });
});
